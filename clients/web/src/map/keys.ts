import { entriesOf, hidden, type KeyEntry } from "../keys/entry";

const map = entriesOf("map");

/** Keys of a map. */
export const MAP_KEYS: readonly KeyEntry[] = [
  hidden(map("down", "Next sound of the list, played", "ArrowDown")),
  hidden(map("up", "Previous sound of the list, played", "ArrowUp")),
  hidden(map("page-down", "A page down", "PageDown")),
  hidden(map("page-up", "A page up", "PageUp")),
  hidden(map("first", "First sound", "Home")),
  hidden(map("last", "Last sound", "End")),
  hidden(map("stop", "Stop", "ArrowLeft")),
  hidden(map("again", "Play again from the start", "ArrowRight")),
  map("to-tray", "Add to the tray", "Enter"),
  map("collect", "Make a collection of what is chosen", "C"),
  map("like", "Sounds like this", "."),
  map("pan", "Drag moves the map", "V"),
  map("lasso", "Drag chooses sounds (or hold Shift)", "L"),
  map("strum", "Drag plays what it passes (or hold Alt)", "B"),
  map("choose-view", "Choose all sounds in view", "Ctrl+A"),
  map("zoom-in", "Zoom in", "+", "="),
  map("zoom-out", "Zoom out", "-"),
  map("fit", "Whole map", "0"),
];
