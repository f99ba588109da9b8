/** Edits of a lane of notes. Each returns the whole lane in order, and which notes are selected. */
import type { Grid } from "./grid";
import type { Note } from "./song";

export interface Selection {
  readonly notes: readonly Note[];
  /** Indices of the selected notes. */
  readonly selected: ReadonlySet<number>;
}

/** Shortest note that an edit leaves, in seconds. */
export const MIN_NOTE = 0.03;
const MAX_PITCH = 127;
const DRAWN_VELOCITY = 90;
const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
/** Parts of a beat that notes snap to: sixteenths. */
const PARTS = 4;

/** `C4`: the name of a pitch; 60 is C4. */
export function pitchName(pitch: number): string {
  return `${NAMES[pitch % 12] ?? ""}${Math.floor(pitch / 12) - 1}`;
}

/** Move the selected notes; together, so that none leaves the song or the range of pitches. */
export function moveNotes(
  { notes, selected }: Selection,
  by: { readonly seconds: number; readonly semitones: number },
  duration: number,
): Selection {
  const chosen = notes.filter((_, index) => selected.has(index));
  const earliest = Math.min(...chosen.map(({ start }) => start));
  const latest = Math.max(...chosen.map(({ end }) => end));
  const seconds = Math.max(-earliest, Math.min(by.seconds, duration - latest));
  const pitches = chosen.map(({ pitch }) => pitch);
  const semitones = Math.max(
    -Math.min(...pitches),
    Math.min(by.semitones, MAX_PITCH - Math.max(...pitches)),
  );
  return change({ notes, selected }, (note) => {
    const moved = { ...note, start: note.start + seconds, end: note.end + seconds };
    return semitones === 0 ? moved : repitched(moved, note.pitch + semitones, notes);
  });
}

/** Move the start or the end of the selected notes. */
export function stretchNotes(
  selection: Selection,
  by: { readonly edge: "start" | "end"; readonly seconds: number; readonly bendInterval: number },
  duration: number,
): Selection {
  return change(selection, (note) => {
    if (by.edge === "end") {
      const end = Math.min(duration, Math.max(note.start + MIN_NOTE, note.end + by.seconds));
      const count = Math.ceil((end - note.start) / by.bendInterval);
      return { ...note, end, bends: note.bends.slice(0, count) };
    }
    const start = Math.max(0, Math.min(note.end - MIN_NOTE, note.start + by.seconds));
    const gone = Math.round((start - note.start) / by.bendInterval);
    // Bends before a new start are unknown: the pitch is then the first that is known.
    const bends =
      gone >= 0 || note.bends.length === 0
        ? note.bends.slice(Math.max(0, gone))
        : [...Array<number>(-gone).fill(note.bends[0] ?? 0), ...note.bends];
    return { ...note, start, bends };
  });
}

/** Change the velocity of the selected notes, within 1 to 127. */
export function changeVelocity(selection: Selection, by: number): Selection {
  return change(selection, (note) => ({
    ...note,
    velocity: Math.max(1, Math.min(127, Math.round(note.velocity + by))),
  }));
}

export function deleteNotes({ notes, selected }: Selection): Selection {
  return { notes: notes.filter((_, index) => !selected.has(index)), selected: new Set() };
}

/** Add a note, which is then the only one selected. */
export function drawNote(
  notes: readonly Note[],
  drawn: { readonly start: number; readonly end: number; readonly pitch: number },
  duration: number,
): Selection {
  const start = Math.max(0, Math.min(drawn.start, duration - MIN_NOTE));
  const end = Math.min(duration, Math.max(drawn.end, start + MIN_NOTE));
  const pitch = Math.max(0, Math.min(MAX_PITCH, drawn.pitch));
  const note: Note = {
    ...{ start, end, pitch, name: nameOf(pitch, notes) },
    ...{ velocity: DRAWN_VELOCITY, confidence: 1, bends: [] },
  };
  return ordered([...notes, note], new Set([note]));
}

/** The nearest sixteenth of the grid; without beats the nearest tenth of a second. */
export function snapNote(grid: Grid, seconds: number): number {
  if (!grid.isMusical) return Math.max(0, Math.round(seconds * 10) / 10);
  const beat = grid.step(seconds + 0.06, -1, "beat");
  const length = beatLength(grid, seconds);
  const parts = Math.round(((seconds - beat) / length) * PARTS);
  return Math.max(0, beat + (parts * length) / PARTS);
}

/** Seconds of a sixteenth at a position. */
export function gridStep(grid: Grid, seconds: number): number {
  return grid.isMusical ? beatLength(grid, seconds) / PARTS : 0.1;
}

function beatLength(grid: Grid, seconds: number): number {
  const beat = grid.step(seconds + 0.06, -1, "beat");
  const next = grid.step(beat, 1, "beat");
  return next > beat ? next - beat : 0.5;
}

function change({ notes, selected }: Selection, edit: (note: Note) => Note): Selection {
  const chosen = new Set<Note>();
  const edited = notes.map((note, index) => {
    if (!selected.has(index)) return note;
    const next = { ...edit(note), confidence: 1 };
    chosen.add(next);
    return next;
  });
  return ordered(edited, chosen);
}

function ordered(notes: readonly Note[], chosen: ReadonlySet<Note>): Selection {
  const sorted = [...notes].sort((a, b) => a.start - b.start || a.pitch - b.pitch);
  const selected = new Set(sorted.flatMap((note, index) => (chosen.has(note) ? [index] : [])));
  return { notes: sorted, selected };
}

function repitched(note: Note, pitch: number, notes: readonly Note[]): Note {
  return { ...note, pitch, name: nameOf(pitch, notes), ...(note.sound ? { sound: null } : {}) };
}

/** Drums have names of their own, which other notes of the same pitch know. */
function nameOf(pitch: number, notes: readonly Note[]): string {
  return notes.find((note) => note.pitch === pitch)?.name ?? pitchName(pitch);
}
