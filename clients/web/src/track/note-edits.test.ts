import { describe, expect, it } from "vitest";
import { Grid } from "./grid";
import { entryAt, removeFromLane, splitLane } from "./lane-edits";
import {
  MIN_NOTE,
  changeVelocity,
  deleteNotes,
  drawNote,
  gridStep,
  moveNotes,
  snapNote,
  stretchNotes,
} from "./note-edits";
import type { Note } from "./song";

const DURATION = 10;

function note(start: number, end: number, pitch: number, bends: number[] = []): Note {
  return { start, end, pitch, name: `N${pitch}`, velocity: 80, confidence: 0.7, bends };
}

const LANE = [note(1, 2, 60), note(2, 3, 62, [0, 0.1, 0.2, 0.3]), note(4, 5, 64)];
const of = (...selected: number[]) => ({ notes: LANE, selected: new Set(selected) });

describe("notes", () => {
  it("move together, in order, and stay selected", () => {
    const moved = moveNotes(of(0, 1), { seconds: 3.5, semitones: 2 }, DURATION);
    expect(moved.notes.map(({ start, pitch }) => [start, pitch])).toEqual([
      [4, 64],
      [4.5, 62],
      [5.5, 64],
    ]);
    expect([...moved.selected]).toEqual([1, 2]);
    expect(moved.notes[1]?.confidence).toBe(1);
    expect(moved.notes[0]).toBe(LANE[2]);
  });

  it("leave neither the song nor the range of pitches", () => {
    const late = moveNotes(of(1, 2), { seconds: 99, semitones: 99 }, DURATION);
    expect(Math.max(...late.notes.map(({ end }) => end))).toBe(DURATION);
    expect(Math.max(...late.notes.map(({ pitch }) => pitch))).toBe(127);
    const early = moveNotes(of(0), { seconds: -99, semitones: -99 }, DURATION);
    expect(early.notes[0]).toMatchObject({ start: 0, end: 1, pitch: 0, name: "C-1" });
  });

  it("stretch at either end, with their bends", () => {
    const by = { bendInterval: 0.25 };
    const end = stretchNotes(of(1), { ...by, edge: "end", seconds: -0.5 }, DURATION);
    expect(end.notes[1]).toMatchObject({ start: 2, end: 2.5, bends: [0, 0.1] });
    const start = stretchNotes(of(1), { ...by, edge: "start", seconds: 0.5 }, DURATION);
    expect(start.notes[1]).toMatchObject({ start: 2.5, end: 3, bends: [0.2, 0.3] });
    const longer = stretchNotes(of(1), { ...by, edge: "start", seconds: -0.5 }, DURATION);
    expect(longer.notes[1]?.bends).toEqual([0, 0, 0, 0.1, 0.2, 0.3]);
    const gone = stretchNotes(of(0), { ...by, edge: "end", seconds: -9 }, DURATION);
    expect(gone.notes[0]?.end).toBeCloseTo(1 + MIN_NOTE);
    const far = stretchNotes(of(2), { ...by, edge: "end", seconds: 99 }, DURATION);
    expect(far.notes[2]?.end).toBe(DURATION);
  });

  it("are drawn, deleted, and changed in velocity", () => {
    const drawn = drawNote(LANE, { start: 2.5, end: 2.5, pitch: 62 }, DURATION);
    expect([...drawn.selected]).toEqual([2]);
    expect(drawn.notes[2]).toMatchObject({ pitch: 62, name: "N62", confidence: 1 });
    expect(drawNote(LANE, { start: 0, end: 1, pitch: 70 }, DURATION).notes[0]?.name).toBe("A#4");
    expect(deleteNotes(of(0, 2)).notes).toEqual([LANE[1]]);
    expect(changeVelocity(of(0), 99).notes[0]?.velocity).toBe(127);
    expect(changeVelocity(of(0), -99).notes[0]?.velocity).toBe(1);
  });

  it("lose the class of their sound where a drum becomes another", () => {
    const kick: Note = { ...note(1, 2, 36), sound: "kick" };
    const moved = moveNotes(
      { notes: [kick], selected: new Set([0]) },
      { seconds: 0, semitones: 2 },
      DURATION,
    );
    expect(moved.notes[0]).toMatchObject({ pitch: 38, sound: null });
  });

  it("snap to sixteenths of the song's beats", () => {
    const beats = Array.from({ length: 20 }, (_, index) => ({
      time: 0.1 + index * 0.5,
      position: (index % 4) + 1,
    }));
    const grid = Grid.of(beats, DURATION);
    expect(gridStep(grid, 2)).toBeCloseTo(0.125);
    expect(snapNote(grid, 1.13)).toBeCloseTo(1.1);
    expect(snapNote(grid, 1.2)).toBeCloseTo(1.225);
    expect(snapNote(grid, 1.58)).toBeCloseTo(1.6);
    expect(snapNote(Grid.of([], DURATION), 1.23)).toBeCloseTo(1.2);
  });
});

describe("a lane of chords", () => {
  const chords = [
    { start: 0, end: 4, chord: "C:maj", confidence: 0.5 },
    { start: 4, end: 8, chord: "A:min", confidence: 0.9 },
  ];

  it("is split at a time", () => {
    const split = splitLane(chords, 1, { chord: "N" }, DURATION);
    expect(split?.map(({ start, end, chord }) => [start, end, chord])).toEqual([
      [0, 1, "C:maj"],
      [1, 4, "C:maj"],
      [4, 8, "A:min"],
    ]);
    expect(splitLane(chords, 4.01, { chord: "N" }, DURATION)).toBeNull();
  });

  it("gets an entry where there is none, up to the next", () => {
    const added = splitLane(chords.slice(1), 1, { chord: "N" }, DURATION);
    expect(added?.[0]).toEqual({ start: 1, end: 4, chord: "N", confidence: 1 });
    expect(splitLane(chords, 9, { chord: "N" }, DURATION)?.[2]).toMatchObject({ end: 10 });
    expect(splitLane<(typeof chords)[0]>([], 0, { chord: "N" }, DURATION)).toHaveLength(1);
  });

  it("loses an entry to the one before it, or else to the one after it", () => {
    const [first, second] = chords as [(typeof chords)[0], (typeof chords)[0]];
    expect(removeFromLane(chords, second)).toEqual([{ ...first, end: 8 }]);
    expect(removeFromLane(chords, first)).toEqual([{ ...second, start: 0 }]);
    expect(entryAt(chords, 4)).toBe(second);
    expect(entryAt(chords, 8)).toBeUndefined();
  });
});
