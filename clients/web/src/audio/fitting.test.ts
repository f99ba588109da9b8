import { expect, test } from "vitest";
import { changeOf, type Key } from "./fitting";

const key = (pitchClass: number, minor = false): Key => ({ pitchClass, minor });

test("a loop follows a tempo within half and double of its own", () => {
  const loop = { bpm: 120, key: null };
  expect(changeOf(loop, { bpm: 132, key: null })).toEqual({ rate: 1.1, semitones: 0 });
  expect(changeOf(loop, { bpm: 250, key: null })).toBeNull();
  expect(changeOf(loop, { bpm: 120, key: null })).toBeNull();
});

test("a sound goes to the nearest pitch of a key, or of its relative", () => {
  const to = (from: Key, target: Key) =>
    changeOf({ bpm: null, key: from }, { bpm: null, key: target })?.semitones ?? 0;
  expect(to(key(0), key(2))).toBe(2);
  expect(to(key(0), key(9))).toBe(-3);
  expect(to(key(7), key(9, true))).toBe(5);
  expect(to(key(4, true), key(0))).toBe(5);
  expect(to(key(0), key(9, true))).toBe(0);
});

test("what is not known stays", () => {
  expect(changeOf({ bpm: null, key: null }, { bpm: 100, key: key(0) })).toBeNull();
});
