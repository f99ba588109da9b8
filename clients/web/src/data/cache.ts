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

/**
 * Show a value that the server does not know yet, or has just answered.
 *
 * An answer that is still on its way may be older, and would replace it: it is left out. So whoever
 * shows a value that is no whole answer invalidates the query once the server has the value.
 */
export function showValue<Value>(queryKey: QueryKey, change: (known: Value) => Value): void {
  if (queries.getQueryData(queryKey) === undefined) return;
  void queries.cancelQueries({ queryKey, exact: true });
  queries.setQueryData<Value>(queryKey, (known) => known && change(known));
}
