import { entriesOf, hidden, type KeyEntry } from "../keys/entry";

const cuts = entriesOf("cuts");

/** Keys of the editor of cuts; they come before those of the track that it is opened over. */
export const CUTS_KEYS: readonly KeyEntry[] = [
  hidden(cuts("previous", "Previous cut, played", "ArrowLeft")),
  hidden(cuts("next", "Next cut, played", "ArrowRight")),
  hidden(cuts("again", "Play the cut again", "ArrowDown")),
  hidden(cuts("start-earlier", "Start 5 ms earlier", "Ctrl+ArrowLeft")),
  hidden(cuts("start-later", "Start 5 ms later", "Ctrl+ArrowRight")),
  hidden(cuts("end-earlier", "End 5 ms earlier", "Ctrl+Shift+ArrowLeft")),
  hidden(cuts("end-later", "End 5 ms later", "Ctrl+Shift+ArrowRight")),
  cuts("split", "Split the cut at the playhead, or in the middle", "S"),
  cuts("merge", "Merge the cut with the next one", "M"),
  cuts("add", "Add a cut at the playhead", "N"),
  cuts("delete", "Delete the cut", "Delete", "Backspace"),
  hidden(cuts("zoom-in", "Zoom in", "+", "=")),
  hidden(cuts("zoom-out", "Zoom out", "-")),
];
