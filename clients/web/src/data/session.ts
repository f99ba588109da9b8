/**
 * The session: the access token in memory, the refresh token in an HttpOnly cookie that only
 * `/v1/sessions` receives.
 */
import type { components } from "./openapi";
import { ProblemError } from "./problem-error";
import { createStore } from "./store";

export type Account = components["schemas"]["Account"];
type LoggedOut = components["schemas"]["LoggedOut"];

export type SessionState =
  /** The page asks the server whether the cookie still holds a session. */
  | { readonly kind: "starting" }
  | { readonly kind: "signed-out" }
  | { readonly kind: "signed-in"; readonly account: Account }
  /** The session ended while the page was in use; the work stays on screen. */
  | { readonly kind: "expired"; readonly account: Account };

/** Sent with each request of a session: a form on another site cannot set it. */
const CLIENT_HEADER = { "X-Cratedig-Client": "web" } as const;

export const session = createStore<SessionState>({ kind: "starting" });

/** Set while the browser may hold a session's cookie, which scripts cannot see. */
const COOKIE_HINT = "cratedig.session";

let token = "";
let renewal: Promise<boolean> | null = null;

/** The access token, empty while signed out. */
export function accessToken(): string {
  return token;
}

async function post(path: string, body: unknown): Promise<Response> {
  return fetch(path, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", ...CLIENT_HEADER },
    body: JSON.stringify(body),
  });
}

async function begin(response: Response): Promise<void> {
  if (!response.ok) throw await ProblemError.from(response);
  const answer = (await response.json()) as { access_token: string };
  token = answer.access_token;
  const account = await fetch("/v1/account", { headers: { Authorization: `Bearer ${token}` } });
  if (!account.ok) throw await ProblemError.from(account);
  localStorage.setItem(COOKIE_HINT, "1");
  session.set({ kind: "signed-in", account: (await account.json()) as Account });
}

/** Forget the session on this page; the server has ended it or never had it. */
export function leaveSession(): void {
  token = "";
  localStorage.removeItem(COOKIE_HINT);
  session.set({ kind: "signed-out" });
}

export async function signIn(email: string, password: string): Promise<void> {
  await begin(await post("/v1/sessions", { email, password }));
}

/** Exchange the code of a one-time link for a session. */
export async function signInWithCode(code: string): Promise<void> {
  await begin(await post("/v1/sessions/one-time", { code }));
}

export async function signUp(email: string, password: string, invitation: string): Promise<void> {
  const body = { email, password, ...(invitation ? { invitation } : {}) };
  const response = await post("/v1/accounts", body);
  if (!response.ok) throw await ProblemError.from(response);
  await signIn(email, password);
}

/** Take up the session whose cookie the server has just set, after a sign-in with a provider. */
export async function startProviderSession(): Promise<void> {
  localStorage.setItem(COOKIE_HINT, "1");
  await resumeSession();
}

/** Take up the session of the cookie, or be signed out. */
export async function resumeSession(): Promise<void> {
  if (localStorage.getItem(COOKIE_HINT) === null) {
    session.set({ kind: "signed-out" });
    return;
  }
  try {
    await begin(await post("/v1/sessions/refresh", {}));
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    leaveSession();
  }
}

/**
 * Renew the access token; return whether there is a session.
 * Requests that fail at the same time share one renewal, since the cookie's token is single-use.
 */
export function renewToken(): Promise<boolean> {
  renewal ??= renewOnce().finally(() => {
    renewal = null;
  });
  return renewal;
}

async function renewOnce(): Promise<boolean> {
  const response = await post("/v1/sessions/refresh", {});
  if (response.ok) {
    token = ((await response.json()) as { access_token: string }).access_token;
    return true;
  }
  if (response.status === 401 || response.status === 422) {
    token = "";
    const state = session.get();
    if (state.kind === "signed-in") session.set({ kind: "expired", account: state.account });
  }
  return false;
}

/** Sign out here and, if a provider signed the account in, go to where its session ends. */
export async function signOut(): Promise<void> {
  const response = await fetch("/v1/sessions/logout", {
    method: "POST",
    credentials: "same-origin",
    headers: { Authorization: `Bearer ${token}`, ...CLIENT_HEADER },
  });
  const { url } = response.ok ? ((await response.json()) as LoggedOut) : { url: null };
  leaveSession();
  if (url) window.location.assign(url);
}
