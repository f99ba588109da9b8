/** Plays sounds of a map through the one player. */

import { auditionItem, itemSound, prepareSounds } from "../crate/audition";
import { pointItems } from "./data";

let latest = "";

/** Play an item; of several asked for while the first is read, only the last is heard. */
export async function playItem(id: string): Promise<void> {
  latest = id;
  const item = await pointItems.one(id);
  if (item && latest === id) auditionItem(item);
}

let preparing = new AbortController();

/** Read and decode items, so that they start at once; in place of those prepared before. */
export async function prepareItems(ids: readonly string[]): Promise<void> {
  preparing.abort();
  preparing = new AbortController();
  const { signal } = preparing;
  for (const id of ids) {
    const item = await pointItems.one(id);
    if (signal.aborted) return;
    if (item) await prepareSounds([itemSound(item)], signal);
  }
}
