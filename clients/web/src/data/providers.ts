/** Sign-in with the organisations that the server is set up for. */
import type { components } from "./openapi";
import { ProblemError } from "./problem-error";

export type SignInOptions = components["schemas"]["SignInOptions"];

/** Query parameters with which the server sends the browser back from a provider. */
export const SIGNED_IN = "signed_in";
export const SIGN_IN_ERROR = "sign_in_error";

const PROBLEMS: Readonly<Record<string, string>> = {
  cancelled: "The sign-in was cancelled, or refused by your organisation.",
  expired: "That sign-in took too long, or began in another browser. Start again.",
  invalid:
    "The answer of your organisation was not valid. Start again; if it happens again, ask " +
    "whoever runs this server.",
  unavailable: "Your organisation cannot be reached now. Try again in a moment.",
  email_in_use:
    "Your e-mail has an account here that does not belong to your organisation. Sign in to it " +
    "with its password.",
  email_not_allowed: "This server accepts only verified e-mail addresses of certain domains.",
  no_group: "None of your groups may use this server. Ask whoever manages them.",
  no_account: "You have no account here. Ask an administrator of this server.",
  disabled: "This account is disabled. Ask an administrator of this server to enable it.",
  busy: "Too many sign-ins from this network. Try again in a minute.",
};

/** Why a sign-in with a provider failed, as a sentence; the code comes from the address. */
export function providerProblem(code: string): string {
  return Object.hasOwn(PROBLEMS, code) ? (PROBLEMS[code] ?? "") : "The sign-in failed.";
}

/** Where the browser goes to sign in with a provider; it comes back to the page as it is now. */
export function providerAddress(
  id: string,
  location: Pick<Location, "pathname" | "search">,
): string {
  const query = new URLSearchParams(location.search);
  for (const name of ["new", "invitation", SIGNED_IN, SIGN_IN_ERROR]) query.delete(name);
  const text = query.toString();
  const here = location.pathname + (text ? `?${text}` : "");
  return `/v1/sign-in/${encodeURIComponent(id)}?return_to=${encodeURIComponent(here)}`;
}

/** Ask the server how people can sign in. */
export async function fetchSignInOptions(): Promise<SignInOptions> {
  const response = await fetch("/v1/sign-in");
  if (!response.ok) throw await ProblemError.from(response);
  return (await response.json()) as SignInOptions;
}
