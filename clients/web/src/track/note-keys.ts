/** What keys do to the selected notes. */
import type { Handlers } from "../keys/commands";
import type { TrackController } from "./controller";
import type { SongData } from "./data";
import type { RollRange } from "./draw-roll";
import {
  changeVelocity,
  deleteNotes,
  drawNote,
  gridStep,
  moveNotes,
  snapNote,
  stretchNotes,
  type Selection,
} from "./note-edits";
import { playhead } from "./now";
import type { Notes } from "./song";

export interface EditorProps {
  readonly song: SongData;
  readonly track: TrackController;
  readonly stem: string;
  readonly notes: Notes;
  readonly range: RollRange;
  readonly isEditing: boolean;
}

/** Velocity that a key adds. */
const LOUDER = 8;

export function editorKeys({
  song,
  track,
  notes,
  shown,
  save,
  select,
}: EditorProps & {
  readonly shown: Selection;
  save(next: Selection, label: string): void;
  select(selected: ReadonlySet<number>): void;
}): Handlers {
  const { grid, duration } = track;
  const first = shown.notes[[...shown.selected][0] ?? -1];
  const step = first ? gridStep(grid, first.start) : 0;
  const onSelected = (edit: () => Selection, label: string) => (): void => {
    if (first) save(edit(), label);
  };
  const move = (seconds: number, semitones: number) =>
    onSelected(() => moveNotes(shown, { seconds, semitones }, duration), "Note moved");
  const stretch = (seconds: number) =>
    onSelected(
      () =>
        stretchNotes(shown, { edge: "end", seconds, bendInterval: notes.bend_interval }, duration),
      "Note stretched",
    );
  const louder = (by: number) => onSelected(() => changeVelocity(shown, by), "Velocity changed");
  const selectNext = (direction: -1 | 1) => (): void => {
    const current = [...shown.selected][0];
    const at = track.view.start;
    const firstShown = shown.notes.findIndex(({ start }) => start >= at);
    const next = current === undefined ? firstShown : current + direction;
    if (next < 0 || next >= shown.notes.length) return;
    select(new Set([next]));
    const start = shown.notes[next]?.start ?? at;
    if (start < track.view.start || start >= track.view.end) track.seek(start);
  };
  return {
    "track-note-previous": selectNext(-1),
    "track-note-next": selectNext(1),
    "track-note-up": move(0, 1),
    "track-note-down": move(0, -1),
    "track-note-earlier": move(-step, 0),
    "track-note-later": move(step, 0),
    "track-note-shorter": stretch(-step),
    "track-note-longer": stretch(step),
    "track-note-louder": louder(LOUDER),
    "track-note-softer": louder(-LOUDER),
    "track-note-delete": onSelected(() => deleteNotes(shown), "Note deleted"),
    "track-note-add": () => {
      const here = playhead(song.item.id) ?? track.view.start;
      const start = snapNote(grid, here);
      const pitch = first?.pitch ?? shown.notes.find((note) => note.end > here)?.pitch ?? 60;
      const end = start + gridStep(grid, start) * 2;
      save(drawNote(shown.notes, { start, end, pitch }, duration), "Note added");
    },
  };
}
