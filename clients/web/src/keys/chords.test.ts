import { expect, test } from "vitest";
import { ChordMatcher, SEQUENCE_MS, chordLabel, chordOf, type KeyStroke } from "./chords";
import type { KeyEntry } from "./entry";
import { KEYS } from "./table";

function stroke(key: string, modifiers: Partial<KeyStroke> = {}): KeyStroke {
  return { key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...modifiers };
}

test("strokes have names that do not depend on Caps Lock or on how a symbol is typed", () => {
  expect(chordOf(stroke(" "))).toBe("Space");
  expect(chordOf(stroke("k", { ctrlKey: true }))).toBe("Ctrl+K");
  expect(chordOf(stroke("k", { metaKey: true }))).toBe("Ctrl+K");
  expect(chordOf(stroke("Z", { ctrlKey: true, shiftKey: true }))).toBe("Ctrl+Shift+Z");
  expect(chordOf(stroke("?", { shiftKey: true }))).toBe("?");
  expect(chordOf(stroke("ArrowDown", { shiftKey: true }))).toBe("Shift+ArrowDown");
  expect(chordOf(stroke("Shift", { shiftKey: true }))).toBe("");
});

const ENTRIES: readonly KeyEntry[] = [
  { command: "crate", chords: ["G C"], label: "Crate", place: "everywhere" },
  { command: "play", chords: ["Space"], label: "Play", place: "everywhere" },
  { command: "colour", chords: ["C"], label: "Colour", place: "crate" },
];

test("a sequence runs its command within its time", () => {
  const matcher = new ChordMatcher(() => ENTRIES);
  expect(matcher.match("G", 0)).toBe("pending");
  expect(matcher.match("C", SEQUENCE_MS)).toEqual(["crate"]);
  expect(matcher.match("G", 5000)).toBe("pending");
  expect(matcher.match("C", 5001 + SEQUENCE_MS)).toEqual(["colour"]);
});

test("another key ends a sequence", () => {
  const matcher = new ChordMatcher(() => ENTRIES);
  matcher.match("G", 0);
  expect(matcher.match("Space", 10)).toEqual([]);
  expect(matcher.match("C", 20)).toEqual(["colour"]);
});

test("chords are written as their key caps", () => {
  expect(chordLabel("Ctrl+Shift+Z")).toBe("Ctrl Shift Z");
  expect(chordLabel("G C")).toBe("G then C");
  expect(chordLabel("ArrowUp")).toBe("↑");
  expect(chordLabel("+")).toBe("+");
});

test("no chord runs two commands of one place, and no command appears twice", () => {
  const commands = KEYS.map((entry) => entry.command);
  expect(new Set(commands).size).toBe(commands.length);
  for (const place of ["crate", "tracks", "track"] as const) {
    const chords = KEYS.filter((entry) => entry.place === place).flatMap((entry) => entry.chords);
    expect(chords.filter((chord, at) => chords.indexOf(chord) !== at)).toEqual([]);
  }
});
