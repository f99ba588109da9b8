import type { KeyEntry } from "../keys/entry";

/** Keys of the Crate. */
export const CRATE_KEYS: readonly KeyEntry[] = [];
