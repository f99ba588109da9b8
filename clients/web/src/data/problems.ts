/** What people read for each problem code: the thing, the cause, what to do. */
import type { components } from "./openapi";
import { ProblemError } from "./problem-error";

export type ProblemCode = components["schemas"]["ProblemCode"];

/** Text by code. `{detail}` is the server's sentence, where it knows more than the code. */
export const PROBLEM_TEXTS: Readonly<Record<ProblemCode, string>> = {
  invalid_request: "The server could not use this. {detail}",
  invalid_parameters: "These settings do not go together. {detail}",
  unauthenticated: "You are signed out. Sign in to go on.",
  token_expired: "Your session has ended. Sign in again to go on.",
  wrong_credentials: "That e-mail and password do not belong together.",
  forbidden: "You may not do this. {detail}",
  not_found: "This is no longer here. It may have been deleted.",
  method_not_allowed: "This page is older than the server. Reload it.",
  conflict: "Something else changed this at the same time. Look again, then repeat your change.",
  in_flight: "This is being done already. Wait a moment.",
  already_exists: "This exists already. {detail}",
  wrong_state: "This is not possible now. {detail}",
  gone: "This has expired. Ask for a new one.",
  too_slow: "The server gave up waiting for the data. Check the connection and try again.",
  too_large: "This is too large. {detail}",
  quota_exceeded: "Your storage is full. Delete what you do not need, then try again.",
  range_not_satisfiable: "The file is shorter than expected. Reload the page.",
  precondition_failed:
    "Something else changed this since it was shown. Look again, then repeat it.",
  key_reused: "This change was mixed up with another. Make it again.",
  quarantined: "This file stopped the program that reads it three times. It is not read again.",
  too_many_requests: "Too many attempts. Wait a minute, then try again.",
  internal: "That did not work, and it is our fault. Try again; if it stays, quote {trace}.",
  upstream_failed: "A part of the server did not answer. Try again in a moment.",
  unavailable: "The server is busy or restarting. Try again in a moment.",
  store_full: "The server's storage is full. Work goes on when there is space again.",
};

const OFFLINE = "No connection to the server. Check the network and try again.";
const UNKNOWN = "That did not work, and it is our fault. Try again.";

/** Return the text of any error for people. */
export function problemText(error: unknown): string {
  if (!(error instanceof ProblemError)) return error instanceof TypeError ? OFFLINE : UNKNOWN;
  const text = (PROBLEM_TEXTS as Readonly<Record<string, string>>)[error.code] ?? UNKNOWN;
  const fields = error.fields.map((field) => sentence(field.message)).join(" ");
  return text
    .replace("{detail}", fields || sentence(error.detail))
    .replace("{trace}", error.trace.slice(0, 9))
    .trim();
}

function sentence(text: string): string {
  if (text === "") return "";
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
