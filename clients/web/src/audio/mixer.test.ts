import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MemoryFile, encodeFlac, noise } from "../../tests/support/flac";
import { Feeder } from "./feeder";
import { channelStart } from "./block-queue";
import { BLOCK, type Block, type Loop } from "./messages";
import { StemMixer } from "./mixer";
import { DecodedSource, WindowCache } from "./windows";

const RATE = 44_100;
const QUANTUM = 128;

/** Feeder and mixer without a browser: what the worker and the worklet do, in one thread. */
class Bench {
  readonly mixer: StemMixer;
  readonly feeder: Feeder;
  #generation = 0;

  constructor(stems: number, hasOriginal: boolean, samples: number, cache: WindowCache) {
    const returned: Block[] = [];
    this.mixer = new StemMixer(RATE, stems, hasOriginal, (block) => returned.push(block));
    const song = { sources: stems + (hasOriginal ? 1 : 0), samples, sampleRate: RATE };
    this.feeder = new Feeder(
      song,
      cache,
      (block) => this.mixer.push(block),
      (error) => {
        throw error;
      },
    );
    this.#returned = returned;
  }

  readonly #returned: Block[];

  jump(position: number, loop: Loop | null = null, isJoin = false): void {
    this.#generation += 1;
    this.mixer.change({ generation: this.#generation, isJoin });
    this.feeder.seek(this.#generation, position, loop);
  }

  /** Jump while it plays, and wait until only the new place is heard. */
  async land(position: number): Promise<void> {
    this.jump(position);
    while (this.mixer.report(0).generation !== this.#generation) await this.play(QUANTUM);
    await this.play(QUANTUM * 3);
  }

  /** Play a number of samples; blocks arrive as they would between two calls. */
  async play(samples: number): Promise<[Float32Array, Float32Array]> {
    const output: [Float32Array, Float32Array] = [
      new Float32Array(samples),
      new Float32Array(samples),
    ];
    for (let at = 0; at < samples; at += QUANTUM) {
      await new Promise(setImmediate);
      this.mixer.process(
        output[0].subarray(at, at + QUANTUM),
        output[1].subarray(at, at + QUANTUM),
      );
      for (const block of this.#returned.splice(0)) this.feeder.returned(block);
    }
    return output;
  }
}

async function bench(
  channels: readonly Int16Array[],
  options: { original?: Int16Array } = {},
): Promise<Bench> {
  const all = options.original ? [...channels, options.original] : channels;
  const sources = await Promise.all(
    all.map((channel) =>
      DecodedSource.open(new MemoryFile(encodeFlac([channel], { pointEvery: 10 }))),
    ),
  );
  const cache = new WindowCache(sources, 64 * 2 ** 20);
  return new Bench(
    channels.length,
    options.original !== undefined,
    channels[0]?.length ?? 0,
    cache,
  );
}

function decibels(value: number): number {
  return 20 * Math.log10(Math.max(value, 1e-12));
}

function peak(samples: Float32Array): number {
  return samples.reduce((top, sample) => Math.max(top, Math.abs(sample)), 0);
}

describe("stems", () => {
  const length = 30 * RATE;
  const stems = [1, 2, 3, 4].map((seed) => noise(length, seed, 4000));
  const sum = Int16Array.from({ length }, (_, index) =>
    stems.reduce((total, stem) => total + (stem[index] ?? 0), 0),
  );
  let player: Bench;
  beforeAll(async () => {
    player = await bench(stems);
    player.mixer.setPlaying(true);
  });
  beforeEach(async () => {
    player.mixer.setPlaying(true);
    player.mixer.setGains(new Float32Array(8).fill(1));
    await player.land(0);
    await player.play(QUANTUM * 20);
  });

  it("sum to the mix after 100 jumps, to -80 dBFS", async () => {
    let worst = 0;
    for (let jump = 0; jump < 100; jump += 1) {
      const position = Math.floor(((jump * 7919) % 9973) * 0.0001 * (length - 8000));
      await player.land(position);
      const [left] = await player.play(QUANTUM * 8);
      const end = player.mixer.report(0).position;
      for (let index = 0; index < left.length; index += 1) {
        const expected = (sum[end - left.length + index] ?? 0) / 32_768;
        worst = Math.max(worst, Math.abs((left[index] ?? 0) - expected));
      }
    }
    expect(decibels(worst)).toBeLessThan(-80);
  });

  it("stay within one sample of each other", async () => {
    const gains = new Float32Array(8);
    for (let jump = 0; jump < 20; jump += 1) {
      gains.fill(0);
      const heard = jump % 4;
      gains.fill(1, heard * 2, heard * 2 + 2);
      player.mixer.setGains(gains);
      await player.land(jump * 50_000);
      await player.play(QUANTUM * 20);
      const [left] = await player.play(QUANTUM * 4);
      const end = player.mixer.report(0).position;
      const expected = stems[heard]?.subarray(end - left.length, end) ?? new Int16Array(0);
      const error = left.map((sample, index) => sample - (expected[index] ?? 0) / 32_768);
      expect(decibels(peak(error))).toBeLessThan(-80);
    }
  });

  it("answers a jump among decoded samples within 30 ms", async () => {
    await player.play(RATE);
    player.jump(RATE / 2);
    const [left] = await player.play(QUANTUM * 10);
    const end = player.mixer.report(0).position;
    expect((left.length - (end - RATE / 2)) / RATE).toBeLessThan(0.03);
  });

  it("ends where the song ends", async () => {
    await player.land(length - 3000);
    await player.play(QUANTUM * 24);
    const [left] = await player.play(QUANTUM * 4);
    const report = player.mixer.report(0);
    expect(report).toMatchObject({ hasEnded: true, isStarved: false, position: length });
    expect(peak(left)).toBe(0);
  });

  it("starts and stops without a step", async () => {
    player.mixer.setPlaying(false);
    const [left] = await player.play(QUANTUM * 8);
    expect(peak(left.subarray(QUANTUM * 4))).toBe(0);
    const stopped = player.mixer.report(0).position;
    await player.play(QUANTUM * 8);
    expect(player.mixer.report(0).position).toBe(stopped);
  });
});

describe("loops", () => {
  const length = 6 * RATE;
  const sine = Int16Array.from({ length }, (_, index) =>
    Math.round(16_000 * Math.sin((2 * Math.PI * 441.7 * index) / RATE)),
  );

  /** Distance of each sample from where the two before it point; small for a sine. */
  function worstStep(samples: Float32Array): number {
    const turn = 2 * Math.cos((2 * Math.PI * 441.7) / RATE);
    let worst = 0;
    for (let index = 2; index < samples.length; index += 1) {
      const expected = turn * (samples[index - 1] ?? 0) - (samples[index - 2] ?? 0);
      worst = Math.max(worst, Math.abs((samples[index] ?? 0) - expected));
    }
    return worst;
  }

  it("has no step over -60 dBFS in 50 rounds of a sine", async () => {
    const player = await bench([sine]);
    player.jump(40_000, { start: 41_234, end: 50_111 });
    player.mixer.setPlaying(true);
    await player.play(QUANTUM * 20);
    await player.play(QUANTUM * 8);
    const rounds = Math.ceil((50 * (50_111 - 41_234)) / QUANTUM) * QUANTUM;
    const [left] = await player.play(rounds);
    expect(peak(left)).toBeGreaterThan(0.4);
    expect(decibels(worstStep(left))).toBeLessThan(-60);
  });

  it("changes while it plays, without a gap or a step", async () => {
    const player = await bench([sine]);
    player.jump(10_000);
    player.mixer.setPlaying(true);
    await player.play(QUANTUM * 20);
    await player.play(QUANTUM * 20);
    const { position } = player.mixer.report(0);
    player.jump(position, { start: 9000, end: 30_000 }, true);
    const [left] = await player.play(QUANTUM * 20);
    expect(player.mixer.report(0)).toMatchObject({ generation: 2 });
    expect(player.mixer.report(0).position).toBe(position + QUANTUM * 20);
    expect(decibels(worstStep(left))).toBeLessThan(-60);
  });
});

describe("the original", () => {
  const length = 12 * RATE;
  const stem = noise(length, 5, 12_000);

  it("is heard in step with the stems, and as loud as they are", async () => {
    const original = stem.map((sample) => Math.round(sample / 2));
    const player = await bench([stem], { original });
    player.jump(0);
    player.mixer.setPlaying(true);
    await player.play(QUANTUM * 20);
    await player.play(QUANTUM * 400);
    expect(player.mixer.report(0).match).toBeCloseTo(6.02, 1);
    player.mixer.hear(true);
    await player.play(QUANTUM * 40);
    const [left] = await player.play(QUANTUM * 10);
    const end = player.mixer.report(0).position;
    const error = left.map(
      (sample, index) => sample - (stem[end - left.length + index] ?? 0) / 32_768,
    );
    expect(decibels(peak(error))).toBeLessThan(-50);
  });

  it("changes gains in a ramp", async () => {
    const steady = new Int16Array(length).fill(16_000);
    const player = await bench([steady]);
    player.jump(0);
    player.mixer.setPlaying(true);
    await player.play(QUANTUM * 20);
    await player.play(QUANTUM * 10);
    player.mixer.setGains(new Float32Array([0, 1]));
    const [left, right] = await player.play(QUANTUM * 60);
    const steps = left.map((sample, index) => Math.abs(sample - (left[index - 1] ?? sample)));
    expect(decibels(peak(steps))).toBeLessThan(-45);
    expect(left.at(-1)).toBe(0);
    expect(right.at(-1)).toBeCloseTo(16_000 / 32_768, 4);
    const { levels } = player.mixer.report(0);
    expect(levels[1]).toBeCloseTo(16_000 / 32_768, 4);
  });
});

it("puts channels of sources one after another", () => {
  expect(channelStart(2, 1)).toBe(5 * BLOCK);
});
