import type { KeyEntry } from "../keys/entry";

/** Keys of a track. */
export const TRACK_KEYS: readonly KeyEntry[] = [];
