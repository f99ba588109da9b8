/** Edits of a track, each with its inverse on the undo queue. */
import { useCallback, useRef } from "react";
import { api, data, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { formatTempo } from "../parts/format";
import { itemQuery, type Item } from "./data";

type ItemEdit = Schemas["ItemEdit"];

/** Change an item at once on the page, then on the server; undo changes it back. */
async function edit(item: Item, label: string, change: ItemEdit, before: ItemEdit): Promise<void> {
  const send = async (body: ItemEdit): Promise<void> => {
    const { queryKey } = itemQuery(item.id);
    const shown = queries.getQueryData(queryKey);
    if (shown) queries.setQueryData(queryKey, { ...shown, ...(body as Partial<Item>) });
    try {
      const path = { item: item.id };
      const saved = await data(api.PATCH("/v1/items/{item}", { params: { path }, body }));
      queries.setQueryData(queryKey, saved);
      await queries.invalidateQueries({ queryKey: ["items"] });
    } catch (error) {
      if (shown) queries.setQueryData(queryKey, shown);
      throw error;
    }
  };
  try {
    await undoQueue.run({ label, apply: () => send(change), revert: () => send(before) });
    showToast(label, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

export async function rename(item: Item, name: string): Promise<void> {
  const next = name.trim();
  if (next === "" || next === item.name) return;
  await edit(item, `Renamed to ${next}`, { name: next }, { name: item.name });
}

export function useTempoEdit(item: Item): (bpm: number | null) => void {
  return useCallback(
    (bpm) => {
      const value = bpm === null ? null : Math.round(bpm * 100) / 100;
      const label = value === null ? "Tempo removed" : `Tempo is ${formatTempo(value)}`;
      void edit(item, label, { bpm: value }, { bpm: item.bpm ?? null });
    },
    [item],
  );
}

/** Taps further apart than this begin a new tempo. */
const PAUSE_MS = 2000;
const MIN_TAPS = 4;

/** Tempo of taps at times in milliseconds, or `null` while there are too few. */
export function tappedTempo(times: readonly number[]): number | null {
  const [first, last] = [times[0], times.at(-1)];
  if (times.length < MIN_TAPS || first === undefined || last === undefined) return null;
  return 60_000 / ((last - first) / (times.length - 1));
}

/** Return a function that takes a tap, and saves the tempo once tapping has ended. */
export function useTap(save: (bpm: number) => void): () => void {
  const taps = useRef<{ times: number[]; timer: ReturnType<typeof setTimeout> | null }>({
    times: [],
    timer: null,
  });
  return useCallback(() => {
    const state = taps.current;
    const now = performance.now();
    if (now - (state.times.at(-1) ?? now) > PAUSE_MS) state.times = [];
    state.times = [...state.times, now].slice(-16);
    const bpm = tappedTempo(state.times);
    showToast(
      bpm === null ? `Tap on: ${MIN_TAPS - state.times.length} more` : `${formatTempo(bpm)} BPM`,
    );
    if (state.timer) clearTimeout(state.timer);
    state.timer = setTimeout(() => {
      if (bpm !== null) save(bpm);
      state.times = [];
    }, PAUSE_MS);
  }, [save]);
}
