import { expect, test } from "vitest";
import { chordText, parseChord, parseKey, parseTempo, retimed } from "./corrected";

const BEATS = Array.from({ length: 9 }, (_, index) => ({
  time: 0.5 + index * 0.5,
  position: ((index + 3) % 4) + 1,
}));
const times = (beats: readonly { time: number }[]): number[] => beats.map(({ time }) => time);
const downbeats = (beats: readonly { time: number; position: number }[]): number[] =>
  times(beats.filter(({ position }) => position === 1));

test("a doubled tempo halves the distance of the beats", () => {
  const beats = retimed(BEATS, 240, 120, 6);
  expect(times(beats).slice(0, 4)).toEqual([0.5, 0.75, 1, 1.25]);
  expect(downbeats(beats)).toEqual([1, 2, 3, 4]);
});

test("a halved tempo keeps every second beat, the downbeat among them", () => {
  const beats = retimed(BEATS, 61, 120, 6);
  expect(times(beats)).toEqual([1, 2, 3, 4]);
  expect(downbeats(beats)).toEqual([1]);
});

test("any other tempo makes even beats through the first downbeat", () => {
  const beats = retimed(BEATS, 100, 120, 6);
  expect(beats[0]?.time).toBeCloseTo(0.4);
  expect(downbeats(beats)[0]).toBeCloseTo(1);
  expect(beats.at(-1)?.time).toBeLessThanOrEqual(6);
  expect(retimed(BEATS, undefined, 120, 6)).toBe(BEATS);
});

test.each([
  ["Am", "A:min"],
  ["f#m", "F#:min"],
  ["B♭", "Bb:maj"],
  ["C minor", "C:min"],
  ["CM", "C:maj"],
  ["H", null],
  ["", null],
])("the key %s is %s", (text, key) => expect(parseKey(text)).toBe(key));

test.each([
  ["Am7", "A:min7", "Am7"],
  ["C", "C:maj", "C"],
  ["G7", "G:7", "G7"],
  ["Cmaj7", "C:maj7", "Cmaj7"],
  ["F♯dim", "F#:dim", "F#dim"],
  ["Dsus4", "D:sus4", "Dsus4"],
  ["C/E", "C:maj/3", "C/E"],
  ["F#m7/E", "F#:min7/b7", "F#m7/E"],
  ["Am7/A", "A:min7", "Am7"],
  ["Bhdim7", "B:hdim7", "Bhdim7"],
  ["Cmmaj7", "C:minmaj7", "Cmmaj7"],
  ["", "N", ""],
])("the chord %s is %s", (text, chord, typed) => {
  expect(parseChord(text)).toBe(chord);
  expect(chordText(chord)).toBe(typed);
});

test("what is no chord and no tempo is refused", () => {
  expect(parseChord("hello")).toBeNull();
  expect([parseTempo("97,5"), parseTempo("19"), parseTempo("fast")]).toEqual([97.5, null, null]);
});
