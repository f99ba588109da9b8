/** The results of the current filters, kept on screen until those of new filters have come. */

import { useEffect, useRef, useState } from "react";
import { rowsOf } from "./client";
import { formatFilters, parseAddress, type Filters } from "./filters";
import { ResultPages } from "./result-pages";

/** How long typing must rest before the search begins, in milliseconds. */
const TYPING_MS = 200;

export interface Results {
  readonly pages: ResultPages;
  /** The filters that are searched, as text: the current ones when typing has rested. */
  readonly key: string;
  /** Whether `pages` are of earlier filters. */
  readonly isStale: boolean;
  /** Search again, from the position on. */
  reload(row: number): void;
}

/** Return the results of filters; `row` is the position to read first. */
export function useResults(filters: Filters, row: number): Results {
  const key = useRested(filters);
  const [shown, setShown] = useState<{ pages: ResultPages; key: string } | null>(null);
  const [reloads, setReloads] = useState(0);
  const start = useRef(row);
  useEffect(() => {
    const pages = new ResultPages(rowsOf(parseAddress(new URLSearchParams(key))));
    const stop = pages.subscribe((change) => {
      if (change === "results") setShown({ pages, key });
    });
    void pages.open(start.current);
    start.current = 0;
    return () => {
      stop();
      pages.close();
    };
  }, [key, reloads]);
  const pages = shown?.pages ?? EMPTY;
  return {
    pages,
    key,
    isStale: shown?.key !== formatFilters(filters).toString(),
    reload: (from) => {
      start.current = from;
      setReloads((count) => count + 1);
    },
  };
}

const EMPTY = new ResultPages(() => new Promise(() => undefined));

/** Return the filters as text, with the query that stood there when typing rested. */
function useRested(filters: Filters): string {
  const [query, setQuery] = useState(filters.query);
  useEffect(() => {
    if (query === filters.query) return;
    const timer = setTimeout(() => setQuery(filters.query), TYPING_MS);
    return () => clearTimeout(timer);
  }, [query, filters.query]);
  return formatFilters({ ...filters, query }).toString();
}
