/** The rows of one search by position, read in pages where they are needed. */

import type { SearchHit, SearchResult } from "./types";

/** Rows of a page; the API's greatest. */
export const PAGE = 200;
/** Rows of the first answer, so that it comes early. */
export const FIRST_PAGE = 40;
/** Pages that stay in memory. */
const MAX_PAGES = 60;
const AT_ONCE = 2;

export interface PageRequest {
  readonly offset: number;
  readonly limit: number;
  readonly snapshot: string | null;
  readonly signal: AbortSignal;
}

export type PageReader = (request: PageRequest) => Promise<SearchResult>;

/** What of the results has changed: rows, or also their number and order. */
export type Change = "rows" | "results";

export class ResultPages {
  /** Number of results; null until the first answer. */
  total: number | null = null;
  /** The first answer without its rows, or the latest one if the search was done again. */
  answer: SearchResult | null = null;
  /** Why the rows cannot be read, if so. */
  error: unknown = null;

  readonly #read: PageReader;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #abort = new AbortController();
  readonly #rows = new Map<number, SearchHit>();
  readonly #rowOfItem = new Map<string, number>();
  /** Numbers of complete pages, the one read longest ago first. */
  readonly #pages = new Set<number>();
  readonly #loading = new Set<number>();
  #wanted: readonly [number, number] = [0, 0];
  #snapshot: string | null = null;

  constructor(read: PageReader) {
    this.#read = read;
  }

  /** Call a listener after every change; return a function that stops it. */
  readonly subscribe = (listener: (change: Change) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Read the rows around a position; to be called once, before all others. */
  async open(row: number): Promise<void> {
    const offset = Math.max(0, row - FIRST_PAGE / 2);
    await this.#load(offset, FIRST_PAGE);
    // Fewer results than the position, as after a deletion: begin at the top.
    if (this.total !== null && this.total > 0 && offset >= this.total) {
      await this.#load(0, FIRST_PAGE);
    }
    this.#continue();
  }

  /** Search again; the rows stay until the answer has come. */
  refresh(): void {
    this.#snapshot = null;
    this.#pages.clear();
    this.error = null;
    this.#continue();
    if ((this.total ?? 0) === 0) void this.#load(0, FIRST_PAGE);
  }

  /** Stop reading. */
  close(): void {
    this.#abort.abort();
  }

  /** Return the row at a position, if it has been read. */
  row(position: number): SearchHit | undefined {
    return this.#rows.get(position);
  }

  /** Return the position of an item among the rows that have been read. */
  positionOf(item: string): number | undefined {
    return this.#rowOfItem.get(item);
  }

  /** Read the rows from one position to before another, unless they are there. */
  want(first: number, end: number): void {
    this.#wanted = [first, end];
    this.#continue();
  }

  /** Return the rows at all of these positions, reading those that are missing. */
  async rowsAt(positions: readonly number[]): Promise<SearchHit[]> {
    const missing = positions.filter((position) => !this.#rows.has(position));
    const found = new Map<number, SearchHit>();
    for (const page of new Set(missing.map((position) => Math.floor(position / PAGE)))) {
      const result = await this.#request(page * PAGE, PAGE);
      result.items.forEach((hit, step) => found.set(result.offset + step, hit));
    }
    return positions.flatMap((position) => {
      const hit = this.#rows.get(position) ?? found.get(position);
      return hit ? [hit] : [];
    });
  }

  /** Return the position of an item among the first `most` rows, reading them; null if not there. */
  async find(item: string, most: number): Promise<number | null> {
    for (let page = 0; page * PAGE < Math.min(most, this.total ?? 0); page += 1) {
      const known = this.#rowOfItem.get(item);
      if (known !== undefined) return known;
      if (!this.#pages.has(page)) await this.#load(page * PAGE, PAGE);
      if (this.error !== null || this.#abort.signal.aborted) return null;
    }
    return this.#rowOfItem.get(item) ?? null;
  }

  /** Change rows of items in place; an item that has not been read is left out. */
  patch(items: Iterable<string>, change: (hit: SearchHit) => SearchHit): void {
    for (const item of items) {
      const row = this.#rowOfItem.get(item);
      const hit = row === undefined ? undefined : this.#rows.get(row);
      if (row !== undefined && hit) this.#rows.set(row, change(hit));
    }
    this.#notify("rows");
  }

  #notify(change: Change): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  #continue(): void {
    if (this.total === null || this.#abort.signal.aborted) return;
    const [first, end] = [this.#wanted[0], Math.min(this.#wanted[1], this.total)];
    if (first >= end) return;
    for (let page = Math.floor(first / PAGE); page * PAGE < end; page += 1) {
      if (this.#pages.has(page)) {
        // Read again last, so that it is the last to go.
        this.#pages.delete(page);
        this.#pages.add(page);
      } else if (!this.#loading.has(page) && this.#loading.size < AT_ONCE) {
        this.#loading.add(page);
        void this.#load(page * PAGE, PAGE).finally(() => {
          this.#loading.delete(page);
          if (this.error === null) this.#continue();
        });
      }
    }
  }

  async #load(offset: number, limit: number): Promise<void> {
    try {
      const result = await this.#request(offset, limit);
      if (this.#abort.signal.aborted) return;
      this.#keep(result, offset, limit);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.error = error;
      this.#notify("results");
    }
  }

  #request(offset: number, limit: number): Promise<SearchResult> {
    const { signal } = this.#abort;
    return this.#read({ offset, limit, snapshot: this.#snapshot, signal });
  }

  #keep(result: SearchResult, offset: number, limit: number): void {
    const isOther = result.snapshot !== this.#snapshot;
    if (isOther) {
      // The search was done again: rows may stand elsewhere now.
      this.#rows.clear();
      this.#rowOfItem.clear();
      this.#pages.clear();
      this.#snapshot = result.snapshot;
      this.answer = { ...result, items: [] };
    }
    this.error = null;
    this.total = result.total;
    result.items.forEach((hit, step) => {
      this.#rows.set(offset + step, hit);
      this.#rowOfItem.set(hit.item.id, offset + step);
    });
    if (limit === PAGE) {
      this.#pages.add(offset / PAGE);
      this.#forgetPages();
    }
    this.#notify(isOther ? "results" : "rows");
  }

  #forgetPages(): void {
    for (const page of this.#pages) {
      if (this.#pages.size <= MAX_PAGES) return;
      this.#pages.delete(page);
      for (let row = page * PAGE; row < (page + 1) * PAGE; row += 1) {
        const hit = this.#rows.get(row);
        if (hit) this.#rowOfItem.delete(hit.item.id);
        this.#rows.delete(row);
      }
    }
  }
}
