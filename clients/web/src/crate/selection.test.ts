import { describe, expect, it } from "vitest";
import {
  addRange,
  countRows,
  cutTo,
  formatRanges,
  hasRow,
  NONE,
  parseRanges,
  rowsOf,
  toggleRow,
} from "./selection";

describe("selection", () => {
  it("joins ranges that touch", () => {
    let ranges = addRange(NONE, 3, 7);
    ranges = addRange(ranges, 12, 12);
    expect(ranges).toEqual([
      [3, 7],
      [12, 12],
    ]);
    expect(addRange(ranges, 11, 8)).toEqual([[3, 12]]);
  });

  it("takes one row out of the middle of a range", () => {
    expect(toggleRow(addRange(NONE, 3, 7), 5)).toEqual([
      [3, 4],
      [6, 7],
    ]);
    expect(toggleRow(addRange(NONE, 5, 5), 5)).toEqual([]);
  });

  it("counts and lists as a set of rows does, whatever is toggled", () => {
    const rows = new Set<number>();
    let ranges = NONE;
    let state = 7;
    for (let step = 0; step < 500; step += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const row = state % 40;
      if (!rows.delete(row)) rows.add(row);
      ranges = toggleRow(ranges, row);
      expect(rowsOf(ranges)).toEqual([...rows].sort((a, b) => a - b));
      expect(countRows(ranges)).toBe(rows.size);
      expect(hasRow(ranges, row)).toBe(rows.has(row));
    }
  });

  it("selects a hundred thousand rows as one range", () => {
    const all = addRange(NONE, 0, 99_999);
    expect(all).toHaveLength(1);
    expect(countRows(all)).toBe(100_000);
    expect(cutTo(all, 10)).toEqual([[0, 9]]);
  });

  it("is read from what it was written as", () => {
    const ranges = parseRanges("12,3-7,20-30");
    expect(formatRanges(ranges)).toBe("3-7,12,20-30");
    expect(parseRanges(formatRanges(ranges))).toEqual(ranges);
    expect(parseRanges("x,-3,5-")).toEqual([]);
  });
});
