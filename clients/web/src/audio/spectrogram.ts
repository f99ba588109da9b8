/**
 * Tiles of a mel spectrogram. A tile has a fixed number of columns, at a distance that doubles from
 * level to level; each column is one spectrum, so that a tile of an hour costs as much as one of a
 * second, apart from what must be decoded.
 */
import { PowerSpectrum } from "./fft";

/** Columns of a tile, and samples between two of them at level 0. */
export const TILE_COLUMNS = 256;
export const HOP = 256;
export const BANDS = 128;
export const MAX_LEVEL = 14;
/** Samples of a spectrum: 93 ms at 44.1 kHz. */
const FFT_SIZE = 4096;
const LOWEST = 40;
const HIGHEST = 16_000;
/** Decibels below full scale that are shown as nothing. */
const FLOOR = 84;

/** Samples between two columns of a level. */
export function hopOf(level: number): number {
  return HOP * 2 ** level;
}

/** The finest level whose columns are at most as many as the pixels. */
export function levelFor(samples: number, pixels: number): number {
  const level = Math.ceil(Math.log2(Math.max(1, samples / HOP / Math.max(1, pixels))));
  return Math.max(0, Math.min(MAX_LEVEL, level));
}

/** Samples from the start of a tile to that of the next. */
export function tileSamples(level: number): number {
  return TILE_COLUMNS * hopOf(level);
}

const mel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
const hertz = (value: number): number => 700 * (10 ** (value / 2595) - 1);

/** Centre of a band in Hz, the lowest first. */
export function bandCentre(band: number): number {
  return hertz(mel(LOWEST) + ((band + 0.5) / BANDS) * (mel(HIGHEST) - mel(LOWEST)));
}

export interface MonoSource {
  readonly sampleRate: number;
  /** Fill `target` with samples from a position on; outside the file there is silence. */
  read(target: Float32Array, from: number): Promise<void>;
}

export class Spectrogram {
  readonly #spectrum = new PowerSpectrum(FFT_SIZE);
  readonly #power = new Float32Array(FFT_SIZE / 2);
  readonly #samples = new Float32Array(FFT_SIZE);
  /** First bin and one past the last of each band, and the weight by which bands are levelled. */
  readonly #bands: readonly { readonly from: number; readonly to: number }[];

  constructor(private readonly source: MonoSource) {
    const bin = (frequency: number): number => (frequency * FFT_SIZE) / source.sampleRate;
    const edge = (band: number): number =>
      hertz(mel(LOWEST) + (band / BANDS) * (mel(HIGHEST) - mel(LOWEST)));
    this.#bands = Array.from({ length: BANDS }, (_, band) => {
      const from = Math.floor(bin(edge(band)));
      return { from, to: Math.max(from + 1, Math.round(bin(edge(band + 1)))) };
    });
  }

  /**
   * Compute a tile: `BANDS` values a column, 0 for `FLOOR` dB below full scale and less, 255 for
   * full scale; column by column, the lowest band first.
   */
  async tile(level: number, index: number, isWanted: () => boolean): Promise<Uint8Array | null> {
    const values = new Uint8Array(TILE_COLUMNS * BANDS);
    for (let column = 0; column < TILE_COLUMNS; column += 1) {
      if (!isWanted()) return null;
      const centre = (index * TILE_COLUMNS + column + 0.5) * hopOf(level);
      await this.source.read(this.#samples, Math.round(centre) - FFT_SIZE / 2);
      this.#spectrum.compute(this.#samples, this.#power);
      this.#bands.forEach(({ from, to }, band) => {
        let loudest = 1e-12;
        for (let bin = from; bin < to; bin += 1) loudest = Math.max(loudest, this.#power[bin] ?? 0);
        const share = 1 + (10 * Math.log10(loudest)) / FLOOR;
        values[column * BANDS + band] = Math.round(255 * Math.max(0, Math.min(1, share)));
      });
    }
    return values;
  }
}
