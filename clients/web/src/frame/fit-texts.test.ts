import { expect, test } from "vitest";
import { changeText, fitText, readFit, tempoOf } from "./fit-texts";

test("a typed tempo is read with either decimal mark, within limits", () => {
  expect(["124", "92,5", "0", "900", "", "fast"].map(tempoOf)).toEqual([
    ...[124, 92.5, null],
    ...[null, null, null],
  ]);
});

test("what is followed and what was done are said in words", () => {
  expect(fitText({ on: true, bpm: 124, camelot: "8A" })).toBe("124, Am");
  expect(fitText({ on: true, bpm: null, camelot: null })).toBe("");
  expect(changeText({ rate: 1.0333, semitones: -1 })).toBe("Fitted: 1.03 × speed, −1 semitone");
  expect(changeText({ rate: 1, semitones: 3 })).toBe("Fitted: +3 semitones");
});

test("stored settings that make no sense are left out", () => {
  const nothing = { on: false, bpm: null, camelot: null };
  expect(readFit(null)).toEqual(nothing);
  expect(readFit("{broken")).toEqual(nothing);
  expect(readFit('{"on":true,"bpm":9000,"camelot":"99Z"}')).toEqual({ ...nothing, on: true });
  expect(readFit('{"on":true,"bpm":96,"camelot":"8A"}')).toEqual({
    ...{ on: true, bpm: 96 },
    camelot: "8A",
  });
});
