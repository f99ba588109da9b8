import { expect, test } from "vitest";
import { inOrder, lineOf, relines, retext, stamped } from "./lyric-text";

const word = (text: string, start: number, end: number) => ({ text, start, end, confidence: 0.4 });
const FIRST = lineOf([word("late", 1, 1.4), word("nite", 1.4, 2)]);
const SECOND = lineOf([word("slow", 4, 4.5), word("train", 4.5, 5)]);

test("as many words keep their times", () => {
  const line = retext(FIRST, "late night");
  expect(line?.text).toBe("late night");
  expect(line?.words.map(({ start, end }) => [start, end])).toEqual([
    [1, 1.4],
    [1.4, 2],
  ]);
  expect(line?.words[1]?.confidence).toBe(1);
});

test("another number of words is spread over the line, by letters", () => {
  const line = retext(FIRST, "la lala lala");
  expect(line?.words.map(({ start }) => start)).toEqual([1, 1.2, 1.6]);
  expect(line?.end).toBe(2);
  expect(retext(FIRST, "  ")).toBeNull();
});

test("lines that stay keep their times, new ones take the room between them", () => {
  const lines = relines([FIRST, SECOND], "late nite\nso long\nslow train\n\n", 10);
  expect(lines.map(({ text }) => text)).toEqual(["late nite", "so long", "slow train"]);
  expect(lines[0]).toBe(FIRST);
  expect(lines[2]).toBe(SECOND);
  expect([lines[1]?.start, lines[1]?.end]).toEqual([2, 4]);
  const changed = relines([FIRST, SECOND], "late night\nslow train", 10);
  expect(changed[0]?.words[1]).toMatchObject({ text: "night", start: 1.4 });
  expect(relines([], "one two", 1)[0]).toMatchObject({ start: 0, end: 1 });
});

test("a stamp moves a word, and ends the word before it", () => {
  const words = stamped(FIRST.words, 1, 1.2);
  expect(words.map(({ start }) => start)).toEqual([1, 1.2]);
  expect(words[0]?.end).toBe(1.2);
  expect(words[1]?.end).toBeCloseTo(1.8);
});

test("lines that are saved are in order and within the song", () => {
  const [line] = inOrder([lineOf([word("b", 3, 4), word("a", 2, 99)])], 5);
  expect(line?.words.map(({ start, end }) => [start, end])).toEqual([
    [3, 4],
    [3, 5],
  ]);
});
