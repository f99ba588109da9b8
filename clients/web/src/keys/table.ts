/** The table of keys: handlers, the `?` sheet, the palette and every tooltip come from it. */
import { CRATE_KEYS } from "../crate/keys";
import { MAP_KEYS } from "../map/keys";
import { SHARED_KEYS } from "../shared/keys";
import { TEACH_KEYS } from "../teach/keys";
import { CUTS_KEYS } from "../track/cuts-keys";
import { TRACK_KEYS } from "../track/keys";
import { TRACKS_KEYS } from "../tracks/keys";
import type { KeyEntry } from "./entry";

const FRAME_KEYS: readonly KeyEntry[] = [
  { command: "play", chords: ["Space"], label: "Play or pause", place: "everywhere" },
  {
    command: "close",
    chords: ["Escape"],
    label: "Close, clear, back",
    place: "everywhere",
    hidden: true,
  },
  { command: "search", chords: ["/"], label: "Search", place: "everywhere" },
  { command: "palette", chords: ["Ctrl+K"], label: "Commands", place: "everywhere", hidden: true },
  { command: "keys", chords: ["?"], label: "Keyboard shortcuts", place: "everywhere" },
  { command: "go-crate", chords: ["G C"], label: "Go to Crate", place: "everywhere" },
  { command: "go-tracks", chords: ["G T"], label: "Go to Tracks", place: "everywhere" },
  { command: "go-map", chords: ["G M"], label: "Go to Map", place: "everywhere" },
  { command: "go-teach", chords: [], label: "Go to Teach", place: "everywhere" },
  { command: "activity", chords: ["G A"], label: "Open Activity", place: "everywhere" },
  { command: "go-settings", chords: ["G ,"], label: "Go to Settings", place: "everywhere" },
  { command: "go-admin", chords: ["G W"], label: "Go to Administration", place: "everywhere" },
  { command: "add", chords: ["U"], label: "Add files", place: "everywhere" },
  {
    command: "import",
    chords: ["Shift+U"],
    label: "Import from a link",
    place: "everywhere",
  },
  { command: "export", chords: ["Ctrl+E"], label: "Export", place: "everywhere" },
  {
    command: "fit",
    chords: ["Shift+F"],
    label: "Fit sounds to a tempo and key, on or off",
    place: "everywhere",
  },
  { command: "go-api", chords: [], label: "Go to API reference", place: "everywhere" },
  { command: "undo", chords: ["Ctrl+Z"], label: "Undo", place: "everywhere" },
  { command: "redo", chords: ["Ctrl+Shift+Z"], label: "Redo", place: "everywhere" },
];

export const KEYS: readonly KeyEntry[] = [
  ...FRAME_KEYS,
  ...CRATE_KEYS,
  ...TEACH_KEYS,
  ...TRACKS_KEYS,
  ...CUTS_KEYS,
  ...TRACK_KEYS,
  ...MAP_KEYS,
  ...SHARED_KEYS,
];
