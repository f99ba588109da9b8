import { describe, expect, it } from "vitest";
import {
  BANDS,
  HOP,
  MAX_LEVEL,
  Spectrogram,
  TILE_COLUMNS,
  bandCentre,
  levelFor,
  tileSamples,
  type MonoSource,
} from "./spectrogram";

const RATE = 44_100;

/** A sine of a frequency, of half of full scale, from one second on. */
function tone(frequency: number): MonoSource & { reads: number } {
  return {
    sampleRate: RATE,
    reads: 0,
    read(target, from) {
      this.reads += 1;
      for (let at = 0; at < target.length; at += 1) {
        const sample = from + at;
        target[at] = sample < RATE ? 0 : 0.5 * Math.sin((2 * Math.PI * frequency * sample) / RATE);
      }
      return Promise.resolve();
    },
  };
}

function loudestBand(values: Uint8Array, column: number): number {
  const part = values.subarray(column * BANDS, (column + 1) * BANDS);
  return part.indexOf(Math.max(...part));
}

describe("a spectrogram", () => {
  it.each([110, 440, 1000, 8000])(
    "shows a tone of %d Hz in its band, once it sounds",
    async (f) => {
      const spectrogram = new Spectrogram(tone(f));
      const values = await spectrogram.tile(0, 0, () => true);
      const last = await spectrogram.tile(0, 1, () => true);
      expect(values?.subarray(0, BANDS).every((value) => value === 0)).toBe(true);
      const band = loudestBand(last ?? new Uint8Array(), TILE_COLUMNS - 1);
      expect(Math.abs(bandCentre(band) - f) / f).toBeLessThan(f < 200 ? 0.25 : 0.05);
      // Half of full scale is 6 dB below it.
      const level = (last?.[(TILE_COLUMNS - 1) * BANDS + band] ?? 0) / 255;
      expect(level).toBeGreaterThan(1 - 9 / 84);
      expect(level).toBeLessThan(1 - 5 / 84);
    },
  );

  it("costs the same for an hour in one tile as for a second", async () => {
    const source = tone(440);
    await new Spectrogram(source).tile(MAX_LEVEL, 0, () => true);
    expect(source.reads).toBe(TILE_COLUMNS);
  });

  it("stops at a tile that nobody wants any more", async () => {
    const source = tone(440);
    expect(await new Spectrogram(source).tile(0, 0, () => source.reads < 5)).toBeNull();
    expect(source.reads).toBe(5);
  });

  it("has a column for each pixel at most", () => {
    expect(levelFor(HOP * 100, 1000)).toBe(0);
    expect(levelFor(HOP * 1000, 1000)).toBe(0);
    expect(levelFor(HOP * 1001, 1000)).toBe(1);
    expect(levelFor(3600 * RATE, 800)).toBeLessThanOrEqual(MAX_LEVEL);
    expect(tileSamples(2)).toBe(TILE_COLUMNS * HOP * 4);
  });
});
