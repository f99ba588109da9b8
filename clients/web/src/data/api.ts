/** The API client: typed by the generated schema, authenticated, with problems as errors. */
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./openapi";
import { ProblemError } from "./problem-error";
import { accessToken, renewToken } from "./session";

export type Schemas = components["schemas"];

const authenticate: Middleware = {
  onRequest({ request }) {
    const token = accessToken();
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
};

/** Send a request; if its token has expired, renew the token and send it once more. */
async function sendAuthenticated(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await fetch(request);
  if (response.status !== 401 || !(await renewToken())) return response;
  again.headers.set("Authorization", `Bearer ${accessToken()}`);
  return fetch(again);
}

export const api = createClient<paths>({ baseUrl: "/", fetch: sendAuthenticated });
api.use(authenticate);

/**
 * Return the data of an answer.
 * @throws ProblemError if the server refused the request.
 */
export async function data<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data: body, error, response } = await answer;
  if (!response.ok) throw ProblemError.of(response.status, error);
  return body as T;
}

/** The same headers for each attempt of one change, so that it happens once. */
export function idempotent(): { "Idempotency-Key": string } {
  return { "Idempotency-Key": crypto.randomUUID() };
}
