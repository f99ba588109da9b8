import { entriesOf, hidden } from "../keys/entry";

const entry = entriesOf("shared");

/** Keys of a collection that somebody shared. */
export const SHARED_KEYS = [
  hidden(entry("next", "Play the next sound", "ArrowDown")),
  hidden(entry("previous", "Play the sound before", "ArrowUp")),
];
