import { entriesOf, hidden, type KeyEntry } from "../keys/entry";

const teach = entriesOf("teach");

/** Keys of teaching a tag. */
export const TEACH_KEYS: readonly KeyEntry[] = [
  teach("yes", "Yes, and play the next", "Y"),
  teach("no", "No, and play the next", "N"),
  teach("skip", "Skip, and play the next", "S"),
  hidden(teach("down", "Next sound, played", "ArrowDown")),
  hidden(teach("up", "Previous sound, played", "ArrowUp")),
  hidden(teach("stop", "Stop", "ArrowLeft")),
  hidden(teach("again", "Play again from the start", "ArrowRight")),
  teach("more", "Ten more questions", "Enter"),
];
