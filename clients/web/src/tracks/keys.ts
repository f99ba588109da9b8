import type { KeyEntry } from "../keys/entry";

/** Keys of the table of songs. */
export const TRACKS_KEYS: readonly KeyEntry[] = [
  {
    command: "tracks-next",
    chords: ["ArrowDown"],
    label: "Next song",
    place: "tracks",
    hidden: true,
  },
  {
    command: "tracks-previous",
    chords: ["ArrowUp"],
    label: "Previous song",
    place: "tracks",
    hidden: true,
  },
];
