/** Calls that are tried without a key of their own go out with the session of the page. */
import { accessToken, renewToken } from "../data/session";

/** Shorter than the shortest life of an access token, in milliseconds. */
const FRESH_MS = 50_000;

let renewedAt = 0;

/** Give a request the session's token, unless it goes elsewhere or a key was pasted. */
export async function authorize(request: Request): Promise<void> {
  const pasted = /^Bearer\s+\S/.test(request.headers.get("Authorization") ?? "");
  const isOwn = new URL(request.url).origin === window.location.origin;
  if (pasted || !isOwn || accessToken() === "") return;
  const now = performance.now();
  if (now - renewedAt > FRESH_MS && (await renewToken())) renewedAt = now;
  request.headers.set("Authorization", `Bearer ${accessToken()}`);
}
