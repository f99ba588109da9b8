import type { KeyEntry } from "../keys/entry";

/** Keys of the Crate. */
export const CRATE_KEYS: readonly KeyEntry[] = [
  move("crate-down", ["ArrowDown"], "Next sound, played"),
  move("crate-up", ["ArrowUp"], "Previous sound, played"),
  move("crate-extend-down", ["Shift+ArrowDown"], "Select the next sound too"),
  move("crate-extend-up", ["Shift+ArrowUp"], "Select the previous sound too"),
  move("crate-page-down", ["PageDown"], "A page down"),
  move("crate-page-up", ["PageUp"], "A page up"),
  move("crate-first", ["Home"], "First sound"),
  move("crate-last", ["End"], "Last sound"),
  move("crate-stop", ["ArrowLeft"], "Stop"),
  move("crate-again", ["ArrowRight"], "Play again from the start"),
  act("crate-to-tray", ["Enter"], "Add to the tray"),
  act("crate-favourite", ["F"], "Favourite"),
  act("crate-tag", ["T"], "Tag"),
  act("crate-correct", ["E"], "Correct the class"),
  act("crate-collect", ["C"], "Add to a collection"),
  act("crate-recommend", ["Shift+R"], "Recommended sounds"),
  act("crate-hide", ["D"], "Hide"),
  act("crate-teach", ["Shift+T"], "Teach a tag with these examples"),
  act("crate-like", ["."], "Sounds like this"),
  act("crate-like-file", ["L"], "Sounds like a file"),
  act("crate-rating-1", ["Alt+1"], "Rate 1"),
  act("crate-rating-2", ["Alt+2"], "Rate 2"),
  act("crate-rating-3", ["Alt+3"], "Rate 3"),
  act("crate-rating-4", ["Alt+4"], "Rate 4"),
  act("crate-rating-5", ["Alt+5"], "Rate 5"),
  act("crate-rating-0", ["Alt+0"], "No rating"),
  act("crate-select-all", ["Ctrl+A"], "Select all"),
  act("crate-save", ["Ctrl+S"], "Save the sound"),
  act("crate-auto-play", ["P"], "Play while moving, on or off"),
  act("crate-inspector", ["I"], "Show or hide the inspector"),
  act("swap-next", ["N"], "Swap the lit pad for its next neighbour"),
  act("swap-previous", ["Shift+N"], "Swap the lit pad for its previous neighbour"),
  { command: "pads", chords: ["K"], label: "Play the pads, on or off", place: "everywhere" },
];

function act(command: string, chords: readonly string[], label: string): KeyEntry {
  return { command, chords, label, place: "crate" };
}

function move(command: string, chords: readonly string[], label: string): KeyEntry {
  return { ...act(command, chords, label), hidden: true };
}
