import { describe, expect, it } from "vitest";
import { MAX_HEIGHT, Windowing } from "./windowing";

function list(rows: number, rowHeight = 32, viewport = 640): Windowing {
  const windowing = new Windowing();
  windowing.resize(rows, rowHeight, viewport);
  return windowing;
}

describe("windowing", () => {
  it("draws the rows in view and a few more", () => {
    const windowing = list(100_000);
    expect(windowing.height).toBe(3_200_000);
    windowing.scrolled(3200 + 10);
    expect(windowing.rows()).toEqual({ first: 100, end: 121 });
    expect(windowing.rows(6)).toEqual({ first: 94, end: 127 });
    expect(windowing.position(100)).toBe(3200);
  });

  it("scrolls as little as shows a row", () => {
    const windowing = list(1000);
    expect(windowing.reveal(5)).toBe(0);
    expect(windowing.reveal(20)).toBe(32);
    expect(windowing.reveal(999)).toBe(1000 * 32 - 640);
    expect(windowing.reveal(998)).toBe(1000 * 32 - 640);
    expect(windowing.centre(500)).toBe(500.5 * 32 - 320);
  });

  it("keeps the first row in view when the rows become higher", () => {
    const windowing = list(1000);
    windowing.scrolled(320);
    windowing.resize(1000, 60, 640);
    expect(windowing.rows().first).toBe(10);
  });

  it("reaches both ends of a list that is higher than elements may be", () => {
    const rows = 2_000_000;
    const windowing = list(rows);
    expect(windowing.height).toBe(MAX_HEIGHT);
    windowing.scrolled(MAX_HEIGHT - 640);
    expect(windowing.rows().end).toBe(rows);
    expect(windowing.position(rows - 1) + 32).toBeCloseTo(MAX_HEIGHT, 5);
    windowing.scrolled(0);
    expect(windowing.rows().first).toBe(0);
  });

  it("moves pixel by pixel in such a list, and jumps in proportion", () => {
    const windowing = list(2_000_000);
    windowing.scrolled(MAX_HEIGHT / 2);
    const before = windowing.offset;
    expect(before / (2_000_000 * 32)).toBeCloseTo(0.5, 3);
    windowing.scrolled(MAX_HEIGHT / 2 + 32);
    expect(windowing.offset).toBe(before + 32);
    windowing.settle();
    expect(windowing.offset).toBe(before + 32);
    expect(windowing.scrollTop).toBeCloseTo(MAX_HEIGHT / 2, -2);
  });

  it("never draws rows that are not there", () => {
    const windowing = list(3);
    expect(windowing.rows(6)).toEqual({ first: 0, end: 3 });
    windowing.resize(0, 32, 640);
    expect(windowing.rows(6)).toEqual({ first: 0, end: 0 });
  });
});
