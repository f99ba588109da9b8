/** Editing of notes in the roll, by pointer and by keyboard. Each edit makes a version. */
import { useRef, useState, type MouseEvent, type PointerEvent } from "react";
import { correct, type CorrectionField } from "../data/corrections";
import { useKeys } from "../keys/commands";
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
import { editorKeys, type EditorProps } from "./note-keys";
import { secondsAt } from "./view";

/** Pixels within which the end of a note is held, and a press is a click. */
const EDGE = 5;
const CLICK = 3;
/** Pixels of a drag for a step of velocity. */
const VELOCITY_DRAG = 2;

type Held = "body" | "start" | "end" | "velocity" | "new";

interface Drag {
  readonly held: Held;
  readonly base: Selection;
  readonly x: number;
  readonly y: number;
  readonly seconds: number;
  readonly pitch: number;
}

export interface NoteEditor {
  /** The notes as they are shown, also while one is dragged. */
  readonly shown: Selection;
  readonly handlers: {
    onPointerDown(event: PointerEvent<HTMLElement>): void;
    onPointerMove(event: PointerEvent<HTMLElement>): void;
    onPointerUp(event: PointerEvent<HTMLElement>): void;
    onDoubleClick(event: MouseEvent<HTMLElement>): void;
  };
}

/** What an edit makes of the notes `base`. It is shown until it is saved, or others are there. */
interface Preview extends Selection {
  readonly base: Selection["notes"];
  readonly isSaving: boolean;
}

const NONE: ReadonlySet<number> = new Set();

export function useNoteEditor(props: EditorProps): NoteEditor {
  const { song, track, stem, notes, isEditing } = props;
  const { grid, duration } = track;
  const [selected, setSelected] = useState(NONE);
  const [preview, setPreview] = useState<Preview | null>(null);
  const drag = useRef<Drag | null>(null);
  // An edit counts from the moment it is made: the next one may come before the server's answer.
  const shown: Selection =
    preview && (preview.isSaving || preview.base === notes.notes)
      ? preview
      : { notes: notes.notes, selected: isEditing ? selected : NONE };
  const show = (next: Selection, isSaving = false): void =>
    setPreview({ ...next, base: notes.notes, isSaving });
  const save = (next: Selection, label: string): void => {
    show(next, true);
    setSelected(next.selected);
    const field = `notes-${stem}` as CorrectionField;
    void correct({ item: song.item.id, field, value: next.notes, label }).finally(() =>
      setPreview((now) => (now?.notes === next.notes ? null : now)),
    );
  };
  const select = (next: ReadonlySet<number>): void => {
    setSelected(next);
    // While an edit is saved, its preview is what is shown.
    setPreview((now) => now && { ...now, selected: next });
  };
  const bendInterval = notes.bend_interval;

  const at = (event: MouseEvent<HTMLElement>) => placeOf(event, shown.notes, props);
  const dragged = (event: PointerEvent<HTMLElement>, from: Drag): Selection => {
    const { base, held } = from;
    const place = at(event);
    const snapped = (seconds: number): number => (event.altKey ? seconds : snapNote(grid, seconds));
    if (held === "velocity") return changeVelocity(base, (from.y - event.clientY) / VELOCITY_DRAG);
    const first = base.notes[[...base.selected][0] ?? -1];
    if (!first) return base;
    if (held === "new") {
      const [start, end] = [
        Math.min(from.seconds, place.seconds),
        Math.max(from.seconds, place.seconds),
      ];
      const isClick = Math.abs(event.clientX - from.x) < CLICK;
      const long = isClick
        ? gridStep(grid, start) * 2
        : Math.max(gridStep(grid, start), snapped(end) - start);
      return drawNote(
        base.notes.filter((_, index) => !base.selected.has(index)),
        { start, end: start + long, pitch: from.pitch },
        duration,
      );
    }
    const moved = place.seconds - from.seconds;
    if (held === "body") {
      const isStill = Math.abs(event.clientX - from.x) < CLICK;
      const seconds = isStill ? 0 : snapped(first.start + moved) - first.start;
      return moveNotes(base, { seconds, semitones: place.pitch - from.pitch }, duration);
    }
    const edge = held;
    const seconds = snapped(first[edge] + moved) - first[edge];
    return stretchNotes(base, { edge, seconds, bendInterval }, duration);
  };

  useKeys(isEditing ? editorKeys({ ...props, shown, save, select }) : {});
  return {
    shown,
    handlers: {
      onPointerDown: (event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        const place = at(event);
        const { clientX: x, clientY: y } = event;
        const hit = place.index;
        if (hit < 0) {
          const seconds = event.altKey ? place.seconds : snapNote(grid, place.seconds);
          const end = seconds + gridStep(grid, seconds) * 2;
          const base = drawNote(shown.notes, { start: seconds, end, pitch: place.pitch }, duration);
          drag.current = { held: "new", base, x, y, seconds, pitch: place.pitch };
          show(base);
          return;
        }
        const isAdding = event.shiftKey;
        const chosen =
          isAdding || shown.selected.has(hit) ? new Set([...shown.selected, hit]) : new Set([hit]);
        select(chosen);
        const held = event.ctrlKey || event.metaKey ? "velocity" : place.edge;
        const base = { notes: shown.notes, selected: chosen };
        drag.current = { held, base, x, y, seconds: place.seconds, pitch: place.pitch };
      },
      onPointerMove: (event) => {
        const from = drag.current;
        if (!from) {
          const { index, edge } = at(event);
          event.currentTarget.style.cursor =
            index < 0 ? "crosshair" : edge === "body" ? "grab" : "ew-resize";
          return;
        }
        if (hasMoved(event, from)) show(dragged(event, from));
      },
      onPointerUp: (event) => {
        const from = drag.current;
        drag.current = null;
        if (!from) return;
        if (from.held === "new") save(dragged(event, from), "Note added");
        else if (hasMoved(event, from)) save(dragged(event, from), labelOf(from));
      },
      onDoubleClick: (event) => {
        const { index } = at(event);
        const chosen = new Set([index]);
        if (index >= 0) save(deleteNotes({ notes: shown.notes, selected: chosen }), "Note deleted");
      },
    },
  };
}

function hasMoved(event: PointerEvent<HTMLElement>, { x, y }: Drag): boolean {
  return Math.abs(event.clientX - x) >= CLICK || Math.abs(event.clientY - y) >= CLICK;
}

function labelOf({ held, base }: Drag): string {
  const what = base.selected.size === 1 ? "Note" : `${base.selected.size} notes`;
  if (held === "velocity") return `${what} changed in velocity`;
  return held === "body" ? `${what} moved` : `${what} stretched`;
}

/** What is under the pointer: seconds, pitch, and the note with the part of it that is held. */
function placeOf(
  event: MouseEvent<HTMLElement>,
  notes: Selection["notes"],
  { range, track: { view } }: EditorProps,
): { seconds: number; pitch: number; index: number; edge: "body" | "start" | "end" } {
  const box = event.currentTarget.getBoundingClientRect();
  const seconds = secondsAt(view, (event.clientX - box.left) / box.width);
  const rows = range.high - range.low;
  const pitch = range.low + Math.floor((1 - (event.clientY - box.top) / box.height) * rows);
  const near = (EDGE / box.width) * (view.end - view.start);
  // The newest of overlapping notes is on top.
  const index = notes.findLastIndex(
    (note) =>
      note.pitch === pitch && note.start - near / 2 <= seconds && seconds <= note.end + near / 2,
  );
  const note = notes[index];
  const isLong = note !== undefined && note.end - note.start > near * 3;
  const edge =
    isLong && note.end - seconds < near
      ? "end"
      : isLong && seconds - note.start < near
        ? "start"
        : "body";
  return { seconds, pitch, index, edge };
}
