import { describe, expect, it } from "vitest";
import { fill, marksOf, plan } from "./timeline";

const SONG = { samples: 10_000, sampleRate: 1000, loop: null };

describe("plan", () => {
  it("goes on until the song ends", () => {
    expect(plan(9000, 600, SONG)).toEqual({
      segments: [{ at: 0, from: 9000, count: 600 }],
      next: 9600,
      count: 600,
    });
    expect(plan(9600, 600, SONG)).toMatchObject({ next: 10_000, count: 400 });
    expect(plan(10_000, 600, SONG)).toEqual({ segments: [], next: 10_000, count: 0 });
  });

  it("returns to the start of the loop at its end, as often as it fits", () => {
    const loop = { start: 100, end: 150 };
    const { segments, next, count } = plan(90, 200, { ...SONG, loop });
    expect(count).toBe(200);
    expect(next).toBe(140);
    expect(segments.reduce((sum, segment) => sum + segment.count, 0)).toBe(200);
    expect(marksOf(segments)).toEqual([
      { at: 0, position: 90 },
      { at: 60, position: 100 },
      { at: 110, position: 100 },
      { at: 160, position: 100 },
    ]);
  });

  it("plays on behind a loop that it is past", () => {
    expect(plan(300, 100, { ...SONG, loop: { start: 100, end: 150 } }).next).toBe(400);
  });

  it("fades at the end of a loop to what leads to its start", () => {
    const samples = Float32Array.from({ length: 10_000 }, (_, index) => index);
    const copy = (target: Float32Array, from: number): void => {
      for (let index = 0; index < target.length; index += 1)
        target[index] = samples[from + index] ?? 0;
    };
    const whole = new Float32Array(60);
    const { segments } = plan(100, 60, { ...SONG, loop: { start: 100, end: 150 } });
    for (const segment of segments) fill(whole, segment, copy);
    expect([...whole.subarray(38, 42)]).toEqual([138, 139, 140, 141]);
    // The fade takes eight samples; the last of them is almost the sample before the start.
    expect(whole[49]).toBeGreaterThan(99);
    expect(whole[49]).toBeLessThan(104);
    expect(whole[50]).toBe(100);
    const steps = [...whole].slice(41, 52).map((value, index) => value - (whole[40 + index] ?? 0));
    expect(Math.max(...steps.map(Math.abs))).toBeLessThan(8);
  });
});
