import { describe, expect, it } from "vitest";
import { Grid, beatLabel } from "./grid";

/** Beats at 120 BPM in bars of four, the first at 1.5 s as the second beat of its bar. */
const beats = Array.from({ length: 40 }, (_, index) => ({
  time: 1.5 + index * 0.5,
  position: ((index + 1) % 4) + 1,
}));

describe("Grid", () => {
  const grid = Grid.of(beats, 22);

  it("counts bars from the one in which the song begins", () => {
    expect(grid.isMusical).toBe(true);
    expect(grid.bars[0]).toBeCloseTo(-1);
    expect(grid.bars[1]).toBeCloseTo(1);
    expect(grid.toBar(1)).toBeCloseTo(2);
    expect(grid.toBar(4)).toBeCloseTo(3.5);
    expect(grid.count(22)).toBe(12);
  });

  it("turns bars into seconds and back", () => {
    for (const seconds of [0, 0.3, 7.77, 21.9]) {
      expect(grid.toSeconds(grid.toBar(seconds))).toBeCloseTo(seconds);
    }
  });

  it("snaps to bars and steps by beats and bars", () => {
    expect(grid.snap(4.4)).toBeCloseTo(5);
    expect(grid.step(3.2, 1, "beat")).toBeCloseTo(3.5);
    expect(grid.step(3.5, -1, "beat")).toBeCloseTo(3);
    expect(grid.step(3.5, 1, "bar")).toBeCloseTo(5);
    expect(grid.step(0.2, -1, "bar")).toBe(0);
  });

  it("names the beat for people", () => {
    expect(beatLabel(grid, 5)).toBe("bar 4.1");
    expect(beatLabel(grid, 6.6)).toBe("bar 4.4");
  });

  it("counts seconds where there are no beats", () => {
    const plain = Grid.of([], 12.3);
    expect(plain.isMusical).toBe(false);
    expect(plain.toBar(3.25)).toBeCloseTo(4.25);
    expect(plain.toSeconds(4.25)).toBeCloseTo(3.25);
    expect(plain.step(3.5, 1, "beat")).toBe(4);
  });
});
