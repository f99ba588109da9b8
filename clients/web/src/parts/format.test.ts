import { expect, test } from "vitest";
import {
  baseName,
  formatBytes,
  formatClock,
  formatKey,
  formatLength,
  plural,
  whenText,
} from "./format";

test("lengths have the unit of their size", () => {
  expect([0.214, 3.87, 59.999, 247, 3730].map(formatLength)).toEqual([
    "214\u202fms",
    "3.87\u202fs",
    "0:59",
    "4:07",
    "1:02:10",
  ]);
  expect(formatClock(48.9)).toBe("0:48");
});

test("bytes are decimal, with one digit below ten", () => {
  expect([0, 999, 8_200_000, 41_000_000, 2_240_000_000].map(formatBytes)).toEqual([
    "0\u202fB",
    "999\u202fB",
    "8.2\u202fMB",
    "41\u202fMB",
    "2.2\u202fGB",
  ]);
});

test("keys are written as musicians write them", () => {
  expect(["A:min", "C:maj", "F#:min", "Bb:maj"].map(formatKey)).toEqual(["Am", "C", "F♯m", "B♭"]);
});

test("words", () => {
  expect(plural(1, "song")).toBe("1 song");
  expect(plural(1200, "song")).toBe("1,200 songs");
  expect(baseName("low_tide.final.wav")).toBe("low_tide.final");
});

test("times have the day if it is another", () => {
  const now = new Date("2026-11-30T12:00:00");
  expect(whenText("2026-11-30T09:05:00", now)).toBe("09:05");
  expect(whenText("2026-11-02T09:05:00", now)).toBe("2 Nov, 09:05");
  expect(whenText("2025-11-02T09:05:00", now)).toBe("2 Nov 2025, 09:05");
});
