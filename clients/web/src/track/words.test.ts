import { describe, expect, it } from "vitest";
import { placeWords } from "./words";

function line(start: number, text: string) {
  const words = text.split(" ").map((word, index) => ({
    text: word,
    start: start + index * 0.3,
    end: start + index * 0.3 + 0.25,
    confidence: 1,
  }));
  return { words };
}

/** Letters of one width, as in a typewriter's font. */
const widthOf = (text: string): number => 7.4 * text.length;

const LINES = [line(1, "Open up a crate"), { words: [] }, line(5, "and dig")];

describe("words of the lyrics", () => {
  it("stand where they begin if there is room", () => {
    const placed = placeWords(LINES, { start: 0, end: 8 }, 4000, widthOf);
    expect(placed.map(({ text }) => text)).toEqual(["Open", "up", "a", "crate", "and", "dig"]);
    expect(placed.map(({ left }) => left)).toEqual([500, 650, 800, 950, 2500, 2650]);
    expect(placed.map(({ words }) => words)).toEqual([[0], [1], [2], [3], [4], [5]]);
  });

  it("push each other to the right, and none is left out", () => {
    const placed = placeWords(LINES, { start: 0, end: 8 }, 400, widthOf);
    expect(placed.map(({ text }) => text)).toEqual(["Open", "up", "a", "crate", "and", "dig"]);
    for (const [index, { left }] of placed.entries()) {
      expect(left).toBeGreaterThan(placed[index - 1]?.left ?? 0);
    }
  });

  it("become a line that is cut if they do not fit before the next line", () => {
    const placed = placeWords(LINES, { start: 0, end: 16 }, 400, widthOf);
    expect(placed[0]).toEqual({
      words: [0, 1, 2, 3],
      text: "Open up a crate",
      left: 25,
      width: 94,
    });
  });

  it("are left out where not even a cut line has room", () => {
    expect(placeWords(LINES, { start: 0, end: 600 }, 400, widthOf).map(({ text }) => text)).toEqual(
      ["and", "dig"],
    );
  });
});
