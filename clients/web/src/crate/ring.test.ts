import { expect, test } from "vitest";
import { answered } from "./item-changes";
import { nextInRing } from "./ring";
import type { SearchHit } from "./types";

const RING = ["a", "b", "c"].map((id) => ({ id }));

test("a pad goes round its neighbours both ways and leaves out what other pads hold", () => {
  const none = new Set<string>();
  expect(nextInRing(RING, "a", 1, none)?.id).toBe("b");
  expect(nextInRing(RING, "c", 1, none)?.id).toBe("a");
  expect(nextInRing(RING, "a", -1, none)?.id).toBe("c");
  expect(nextInRing(RING, "a", 1, new Set(["b"]))?.id).toBe("c");
  expect(nextInRing(RING, "a", -1, new Set(["b", "c"]))).toBeNull();
  expect(nextInRing([{ id: "a" }], "a", 1, none)).toBeNull();
});

test("an answer confirms a proposal or removes it, and taken back the proposal is there again", () => {
  const hit = {
    tags: [
      { name: "Dusty", source: "machine", confidence: 0.8 },
      { name: "warm", source: "user", confidence: null },
    ],
  } as unknown as SearchHit;
  const yes = answered(hit, hit, "dusty", "yes");
  expect(yes.tags).toEqual([
    { name: "warm", source: "user", confidence: null },
    { name: "dusty", source: "user", confidence: null },
  ]);
  expect(answered(hit, hit, "dusty", "no").tags).toEqual([
    { name: "warm", source: "user", confidence: null },
  ]);
  expect(answered(yes, hit, "dusty", null).tags).toContainEqual(hit.tags?.[0]);
});
