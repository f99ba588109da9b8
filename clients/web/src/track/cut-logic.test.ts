import { describe, expect, it } from "vitest";
import {
  addedCut,
  cutAt,
  drawnCut,
  movedEdge,
  splitPoint,
  viewOfCut,
  type Cut,
  type CutList,
} from "./cut-logic";

const RATE = 1000;

function cut(number: number, start: number, end: number): Cut {
  return { number, kind: "one_shot", start, end, strength: 1, stored: true, rendered: true };
}

const LIST: CutList = {
  stem: null,
  by: "user",
  version: 1,
  sample_rate: RATE,
  samples: 10_000,
  to_render: 0,
  items: [cut(0, 0, 500), cut(1, 400, 900), cut(2, 2000, 4000)],
};
const [FIRST, SECOND, THIRD] = LIST.items as [Cut, Cut, Cut];

describe("cuts", () => {
  it("keep their length and stay within the recording when an edge moves", () => {
    expect(movedEdge(FIRST, "start", -20, LIST)).toBe(0);
    expect(movedEdge(FIRST, "start", 499, LIST)).toBe(495);
    expect(movedEdge(THIRD, "end", 20_000, LIST)).toBe(10_000);
    expect(movedEdge(THIRD, "end", 0, LIST)).toBe(2005);
  });

  it("are split where the playhead is, or in the middle", () => {
    expect(splitPoint(THIRD, 2500.4, LIST)).toBe(2500);
    expect(splitPoint(THIRD, 1000, LIST)).toBe(3000);
    expect(splitPoint(THIRD, null, LIST)).toBe(3000);
    expect(splitPoint(cut(3, 0, 9), null, LIST)).toBeNull();
  });

  it("are added by a key and drawn by the pointer", () => {
    expect(addedCut(1000.2, LIST)).toEqual({ start: 1000, end: 1250 });
    expect(addedCut(9998, LIST)).toBeNull();
    expect(drawnCut(1500, 1200, LIST)).toEqual({ start: 1200, end: 1500 });
    expect(drawnCut(1500, 1502, LIST)).toBeNull();
    expect(drawnCut(-50, 12_000, LIST)).toEqual({ start: 0, end: 10_000 });
  });

  it("are found by a position; of two the later one", () => {
    expect(cutAt(LIST.items, 450)).toBe(SECOND);
    expect(cutAt(LIST.items, 100)).toBe(FIRST);
    expect(cutAt(LIST.items, 1500)).toBeNull();
  });

  it("are shown whole, and the view stays if they are", () => {
    const view = { start: 0, end: 4 };
    expect(viewOfCut(view, FIRST, LIST)).toBe(view);
    expect(viewOfCut(view, THIRD, LIST)).toBe(view);
    expect(viewOfCut({ start: 0, end: 2 }, THIRD, LIST).start).toBeLessThan(2);
    expect(viewOfCut({ start: 0, end: 2 }, THIRD, LIST).end).toBeGreaterThan(4);
  });
});
