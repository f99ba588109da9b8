/** Loudness of two signals that play at once, so that one can be matched to the other. */

interface Biquad {
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly a1: number;
  readonly a2: number;
}

/**
 * The two filters of the K-weighting (ITU-R BS.1770-4, annex 1) at any sample rate: a high shelf
 * and a high pass, from the analogue prototypes that give the standard's values at 48 kHz.
 */
export function kWeighting(sampleRate: number): readonly [Biquad, Biquad] {
  const shelf = Math.tan((Math.PI * 1681.974450955533) / sampleRate);
  const quality = 0.7071752369554196;
  const high = 10 ** (3.999843853973347 / 20);
  const middle = high ** 0.4996667741545416;
  const scale = 1 + shelf / quality + shelf * shelf;
  const pass = Math.tan((Math.PI * 38.13547087602444) / sampleRate);
  const passQuality = 0.5003270373238773;
  const passScale = 1 + pass / passQuality + pass * pass;
  return [
    {
      b0: (high + (middle * shelf) / quality + shelf * shelf) / scale,
      b1: (2 * (shelf * shelf - high)) / scale,
      b2: (high - (middle * shelf) / quality + shelf * shelf) / scale,
      a1: (2 * (shelf * shelf - 1)) / scale,
      a2: (1 - shelf / quality + shelf * shelf) / scale,
    },
    {
      b0: 1,
      b1: -2,
      b2: 1,
      a1: (2 * (pass * pass - 1)) / passScale,
      a2: (1 - pass / passQuality + pass * pass) / passScale,
    },
  ];
}

/** Mean K-weighted energy of a stereo signal over the last seconds. */
export class EnergyMeter {
  readonly #filters: readonly [Biquad, Biquad];
  /** Two delays for each filter of each channel. */
  readonly #delays = new Float64Array(8);
  readonly #keep: number;
  #energy = 0;

  /** @param seconds the time in which an old sound's share falls to 37 %. */
  constructor(sampleRate: number, seconds: number) {
    this.#filters = kWeighting(sampleRate);
    this.#keep = Math.exp(-1 / (sampleRate * seconds));
  }

  get energy(): number {
    return this.#energy;
  }

  add(left: Float32Array, right: Float32Array, count: number): void {
    let sum = 0;
    for (const [channel, samples] of [left, right].entries()) {
      for (let at = 0; at < count; at += 1) {
        const value = this.#filtered(samples[at] ?? 0, channel * 4);
        sum += value * value;
      }
    }
    const keep = this.#keep ** count;
    this.#energy = this.#energy * keep + (sum / Math.max(1, count)) * (1 - keep);
  }

  /** Direct form II transposed. */
  #filtered(sample: number, first: number): number {
    const delays = this.#delays;
    let value = sample;
    for (let stage = 0; stage < 2; stage += 1) {
      const filter = this.#filters[stage as 0 | 1];
      const at = first + stage * 2;
      const output = filter.b0 * value + (delays[at] ?? 0);
      delays[at] = filter.b1 * value - filter.a1 * output + (delays[at + 1] ?? 0);
      delays[at + 1] = filter.b2 * value - filter.a2 * output;
      value = output;
    }
    return value;
  }
}
