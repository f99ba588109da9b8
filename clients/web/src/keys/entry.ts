/** A row of the table of keys. */
export type KeyPlace =
  "everywhere" | "crate" | "teach" | "tracks" | "track" | "map" | "shared" | "cuts";

export interface KeyEntry {
  /** Name of the command that the key runs; `useKeys` binds a handler to it. */
  readonly command: string;
  /**
   * Chords such as `Ctrl+K`, `Shift+N`, `Space`, `ArrowUp`, or a sequence such as `G C`.
   * Letters match `event.key`, so they follow the keyboard's layout.
   */
  readonly chords: readonly string[];
  /** What it does, as the sheet, the palette and the tooltips say it. */
  readonly label: string;
  readonly place: KeyPlace;
  /** Left out of the palette: moving and typing keys are of no use there. */
  readonly hidden?: boolean;
}

/** Return what makes entries of a place; their commands begin with its name. */
export function entriesOf(
  place: Exclude<KeyPlace, "everywhere">,
): (command: string, label: string, ...chords: readonly string[]) => KeyEntry {
  return (command, label, ...chords) => ({ command: `${place}-${command}`, chords, label, place });
}

/** Return an entry that the palette leaves out. */
export function hidden(entry: KeyEntry): KeyEntry {
  return { ...entry, hidden: true };
}
