/** The cache of answers: URL → query key → cache; components read the cache. */
import { QueryClient, type QueryKey } from "@tanstack/react-query";
import { ProblemError } from "./problem-error";

const FRESH_MS = 30_000;

/** Retry what may pass by itself: no answer at all, or a server that is overloaded. */
export function shouldRetry(failures: number, error: unknown): boolean {
  if (failures >= 3) return false;
  if (!(error instanceof ProblemError)) return true;
  return error.status === 429 || error.status >= 502;
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: FRESH_MS, retry: shouldRetry, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});

/** Keep what the server has just answered; what is still on its way is older, and is left out. */
export function keepAnswer<Value>(queryKey: QueryKey, answer: Value): void {
  void queries.cancelQueries({ queryKey, exact: true });
  queries.setQueryData<Value>(queryKey, answer);
}

/**
 * Show a known value as it will be, before the server has it.
 *
 * What is on its way is left out, as it does not know of the change: unless the whole value is
 * answered and kept, invalidate the query once the server has the change.
 */
export function showChange<Value>(queryKey: QueryKey, change: (known: Value) => Value): void {
  const known = queries.getQueryData<Value>(queryKey);
  if (known !== undefined) keepAnswer(queryKey, change(known));
}
