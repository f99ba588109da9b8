/** Which question is asked next, and what a threshold would propose. */

import type { Answers } from "./requests";

/** Return the question to ask after one at a position: the next open one, from the top again; -1 if none is open. */
export function nextOpen(items: readonly string[], answers: Answers, at: number): number {
  for (let step = 1; step <= items.length; step += 1) {
    const place = (at + step + items.length) % items.length;
    const item = items[place];
    if (item !== undefined && !answers.get(item)) return place;
  }
  return -1;
}

/** Return how many of the items are answered. */
export function countAnswered(items: readonly string[], answers: Answers): number {
  return items.filter((item) => answers.get(item)).length;
}

/** Return how many sounds of a histogram over 0 to 1 are as sure as a threshold, or surer. */
export function countAbove(histogram: readonly number[], threshold: number): number {
  const first = Math.ceil(threshold * histogram.length - 1e-6);
  return sum(histogram.slice(first));
}

/** Limits of a confidence that says neither yes nor no. */
export const DOUBT = [0.4, 0.6] as const;

/** Return how many sounds of a histogram are in doubt. */
export function countInDoubt(histogram: readonly number[]): number {
  return countAbove(histogram, DOUBT[0]) - countAbove(histogram, DOUBT[1]);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Return a confidence as text: `.80`. */
export function confidenceText(confidence: number): string {
  return confidence.toFixed(2).replace(/^0/, "");
}

/** Return a tag as the query language reads it. */
export function queryName(tag: string): string {
  return /^[\p{L}\p{N}_-]+$/u.test(tag) ? tag : `"${tag.replaceAll('"', "")}"`;
}
