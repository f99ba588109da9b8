import { entriesOf, hidden, type KeyEntry } from "../keys/entry";

const track = entriesOf("track");

/** Keys of a track. */
export const TRACK_KEYS: readonly KeyEntry[] = [
  hidden(track("beat-back", "Beat back", "ArrowLeft")),
  hidden(track("beat-on", "Beat on", "ArrowRight")),
  hidden(track("bar-back", "Bar back", "Shift+ArrowLeft")),
  hidden(track("bar-on", "Bar on", "Shift+ArrowRight")),
  hidden(track("start", "Start of the song", "Home")),
  hidden(track("end", "End of the song", "End")),
  hidden(track("stem-previous", "Previous stem", "ArrowUp")),
  hidden(track("stem-next", "Next stem", "ArrowDown")),
  ...[1, 2, 3, 4, 5, 6].map((number) =>
    hidden(track(`stem-${number}`, `Stem ${number}`, String(number))),
  ),
  track("mute", "Mute the stem", "M"),
  track("solo", "Hear only the stem", "S"),
  track("solo-add", "Add the stem to what is soloed", "Shift+S"),
  track("solo-clear", "Clear solos", "Alt+S"),
  track("loop", "Loop on or off", "L"),
  track("loop-start", "Start of the loop at the playhead", "A"),
  track("loop-end", "End of the loop at the playhead", "B"),
  track("loop-clear", "Clear the loop", "\\"),
  track("hear", "Original or stems", "O"),
  track("mixer", "Mixer", "X"),
  track("zoom-in", "Zoom in", "+", "="),
  track("zoom-out", "Zoom out", "-"),
  track("fit", "Whole song", "0"),
  track("tap", "Tap the tempo", "T"),
  track("rename", "Rename; change the value that has focus", "E"),
  track("lyrics", "Edit the words", "W"),
];
