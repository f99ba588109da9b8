/** The state of the Crate and what can be done with it. */

import {
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type Dispatch,
  type SetStateAction,
} from "react";
import { navigate, useAddress } from "../address";
import { audition } from "./audition";
import { editSounds, type Patch } from "./editing";
import {
  formatAddress,
  formatFilters,
  NO_FILTERS,
  parseAddress,
  type CrateAddress,
  type Filters,
} from "./filters";
import { hideSounds } from "./hiding";
import type { ItemChange } from "./item-changes";
import type { ResultPages } from "./result-pages";
import { addRange, countRows, cutTo, NONE, rowsOf, toggleRow } from "./selection";
import type { RowRanges } from "./selection";
import type { SearchHit } from "./types";
import { useResults } from "./use-results";

/** Sounds that one edit changes at most. */
export const MAX_EDITED = 5000;
/** Moving through the list writes the address when it rests, in milliseconds. */
const REST_MS = 250;
/** Rows among which a linked item is looked for. */
const SEARCHED_ROWS = 2000;

interface Place {
  readonly row: number;
  readonly item: string | null;
  readonly selected: RowRanges;
  /** Where a selection with Shift begins. */
  readonly anchor: number;
}

export interface MoveOptions {
  readonly extend?: boolean;
  readonly toggle?: boolean;
  readonly play?: boolean;
}

export interface Crate {
  readonly filters: Filters;
  /** The filters that are searched: the current ones when typing has rested. */
  readonly searched: Filters;
  readonly pages: ResultPages;
  readonly isStale: boolean;
  readonly row: number;
  readonly hit: SearchHit | undefined;
  readonly selected: RowRanges;
  setFilters(change: Partial<Filters>, options?: { replace?: boolean }): void;
  clearFilters(): void;
  moveTo(row: number, options?: MoveOptions): void;
  select(ranges: RowRanges): void;
  /** Return the selected sounds, or else the current one. */
  targets(): Promise<SearchHit[]>;
  /** Number of sounds that `targets` returns. */
  readonly targetCount: number;
  edit(change: ItemChange | ((hits: readonly SearchHit[]) => ItemChange), label: string): void;
  /** Hide the selected sounds, or else the current one. */
  hide(): Promise<void>;
  reload(): void;
}

export function useCrate(): Crate {
  const { query } = useAddress();
  const address = useMemo(() => parseAddress(query), [query]);
  const [place, setPlace] = useState<Place>(() => placeOf(address));
  const { pages, key, isStale, reload } = useResults(address, place.row);
  const written = useRef(query.toString());
  const latest = useRef({ place, pages });
  useEffect(() => {
    latest.current = { place, pages };
  });

  // Another address: back, a link, or other filters.
  useEffect(() => {
    if (query.toString() === written.current) return;
    written.current = query.toString();
    setPlace(placeOf(parseAddress(query)));
  }, [query]);

  // The place in the list goes into the address when moving has rested.
  useEffect(() => {
    const timer = setTimeout(() => {
      // The search box may have written more than has been drawn.
      const now = parseAddress(new URLSearchParams(location.search));
      const text = formatAddress({
        ...now,
        at: place.item,
        row: place.row,
        selected: place.selected,
      });
      if (text.toString() === new URLSearchParams(location.search).toString()) return;
      if (location.pathname !== "/crate" || (place.item === null && place.selected.length === 0))
        return;
      written.current = text.toString();
      navigate(`/crate?${text}`, { replace: true });
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [place]);

  useFindItem(pages, place, setPlace);

  const moveTo = useCallback((row: number, options: MoveOptions = {}) => {
    const { place: from, pages: shown } = latest.current;
    const total = shown.total ?? 0;
    if (total === 0) return;
    const to = Math.min(Math.max(row, 0), total - 1);
    const hit = shown.row(to);
    const next = { ...afterMove(from, to, options), item: hit?.item.id ?? null };
    latest.current = { pages: shown, place: next };
    setPlace(next);
    if (options.play && hit) audition(hit);
  }, []);

  const setFilters = useCallback(
    (change: Partial<Filters>, options: { replace?: boolean } = {}) => {
      const now = parseAddress(new URLSearchParams(location.search));
      const text = formatFilters({ ...now, ...change }).toString();
      navigate(text ? `/crate?${text}` : "/crate", options);
    },
    [],
  );

  const targets = useCallback(async () => {
    const { place: at, pages: shown } = latest.current;
    const rows = rowsOf(at.selected).slice(0, MAX_EDITED);
    return shown.rowsAt(rows.length > 0 ? rows : [at.row]);
  }, []);

  const patch: Patch = useCallback(
    (items, change) => latest.current.pages.patch(items, change),
    [],
  );
  const edit = useCallback<Crate["edit"]>(
    (change, label) => {
      void targets().then((hits) => {
        const made = typeof change === "function" ? change(hits) : change;
        return editSounds({ hits, change: made, label }, patch);
      });
    },
    [targets, patch],
  );

  const hit = useSyncExternalStore(pages.subscribe, () => pages.row(place.row));
  const searched = useMemo(() => parseAddress(new URLSearchParams(key)), [key]);
  const { total } = pages;
  const selected = useMemo(() => cutTo(place.selected, total ?? Infinity), [place.selected, total]);
  return {
    filters: address,
    searched,
    pages,
    isStale,
    row: place.row,
    hit,
    selected,
    setFilters,
    clearFilters: () => setFilters({ ...NO_FILTERS, sort: address.sort }),
    moveTo,
    select: (ranges) => setPlace((now) => ({ ...now, selected: ranges })),
    targets,
    targetCount: Math.min(MAX_EDITED, countRows(selected) || 1),
    edit,
    hide: async () => {
      const hits = await targets();
      setPlace((now) => ({ ...now, item: null, selected: NONE }));
      await hideSounds(hits, () => reload(latest.current.place.row));
    },
    reload: () => reload(latest.current.place.row),
  };
}

/** Return the place after a move to a row. */
function afterMove(from: Place, row: number, { extend, toggle }: MoveOptions): Place {
  if (extend) return { ...from, row, selected: addRange(NONE, from.anchor, row) };
  if (toggle) {
    const before = from.selected.length > 0 ? from.selected : addRange(NONE, from.row, from.row);
    const selected = toggleRow(before, row);
    return { ...from, row, anchor: row, selected };
  }
  return { ...from, row, anchor: row, selected: NONE };
}

function placeOf(address: CrateAddress): Place {
  return {
    row: address.at === null ? 0 : address.row,
    item: address.at,
    selected: address.selected,
    anchor: address.row,
  };
}

/** Find the row of an item that the address names, as after a link or when rows have come. */
function useFindItem(
  pages: ResultPages,
  place: Place,
  setPlace: Dispatch<SetStateAction<Place>>,
): void {
  const looked = useRef<unknown>(null);
  useEffect(() => {
    const { item } = place;
    if (item === null || pages.answer === null || looked.current === pages.answer) return;
    looked.current = pages.answer;
    if (pages.row(place.row)?.item.id === item) return;
    void pages.find(item, SEARCHED_ROWS).then((row) => {
      setPlace((now) => {
        // Whoever has moved on meanwhile stays there.
        if (now.item !== item) return now;
        if (row === null) return { ...now, row: 0, item: null, selected: NONE };
        return { ...now, row, anchor: row, selected: NONE };
      });
    });
  });
}
