/** The cache of answers: URL → query key → cache; components read the cache. */
import { QueryClient } from "@tanstack/react-query";
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
