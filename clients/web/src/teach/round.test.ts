import { expect, test } from "vitest";
import { requestsOf, type Answer } from "./requests";
import {
  confidenceText,
  countAbove,
  countAnswered,
  countInDoubt,
  nextOpen,
  queryName,
} from "./round";

const ITEMS = ["a", "b", "c", "d"];

function answers(given: Record<string, Answer | null>): Map<string, Answer | null> {
  return new Map(Object.entries(given));
}

test("an answer leads to the next open question, from the top again at the end", () => {
  expect(nextOpen(ITEMS, answers({}), -1)).toBe(0);
  expect(nextOpen(ITEMS, answers({ b: "yes", c: "skip" }), 1)).toBe(3);
  expect(nextOpen(ITEMS, answers({ d: "no", a: "yes" }), 3)).toBe(1);
  expect(nextOpen(ITEMS, answers({ a: "yes", b: "no", c: "skip", d: "no" }), 2)).toBe(-1);
  expect(nextOpen([], answers({}), -1)).toBe(-1);
});

test("an answer that was taken back is open again", () => {
  const given = answers({ a: "yes", b: null });
  expect(nextOpen(ITEMS, given, 0)).toBe(1);
  expect(countAnswered(ITEMS, given)).toBe(1);
});

test("a threshold counts whole bins of the histogram", () => {
  const histogram = Array.from({ length: 50 }, () => 2);
  expect(countAbove(histogram, 0)).toBe(100);
  expect(countAbove(histogram, 0.8)).toBe(20);
  expect(countAbove(histogram, 0.81)).toBe(18);
  expect(countAbove(histogram, 1)).toBe(0);
  expect(countInDoubt(histogram)).toBe(20);
});

test("500 answers go into one request", () => {
  const many = new Map(Array.from({ length: 1001 }, (_, n) => [`item-${n}`, "yes" as const]));
  expect(requestsOf(many).map((request) => request.answers.length)).toEqual([500, 500, 1]);
  expect(requestsOf(new Map([["a", null]]))).toEqual([{ answers: [{ item: "a", answer: null }] }]);
});

test("confidences and names as the page writes them", () => {
  expect(confidenceText(0.8)).toBe(".80");
  expect(confidenceText(1)).toBe("1.00");
  expect(queryName("dusty")).toBe("dusty");
  expect(queryName("too bright")).toBe('"too bright"');
});
