/** The page of the tests of the audio engine: the real worker and worklet, and a tap behind them. */
import { stretch } from "../../src/audio/fitted-sounds";
import { Output } from "../../src/audio/output";
import { StreamPlayer, type StreamFile } from "../../src/audio/stream";
import { BLOCK_SIZE, frameSum } from "../support/virtual-flac";
import recorderAddress from "./recorder.worklet.ts?worker&url";

const RATE = 44_100;
/** Samples that the mixer writes at once. */
const QUANTUM = 128;

export interface Bench {
  /** Open stems by address; returns the milliseconds until they could be played. */
  open(addresses: readonly string[], original: string | null): Promise<number>;
  /** Jump, wait until it is heard, and compare with the sum of the seeds; in dBFS. */
  nullTest(position: number, seeds: readonly number[]): Promise<number>;
  /** Hear only some stems. */
  hear(stems: readonly number[], of: number): void;
  /** Milliseconds from a jump to its sound behind the mixer. */
  jump(position: number, seeds: readonly number[]): Promise<number>;
  /** Peak and largest step beyond that of a sine in dBFS, over some seconds of a loop. */
  loop(start: number, end: number, seconds: number, hertz: number): Promise<[number, number]>;
  /**
   * Fit a sine with a click on each half second; returns its length in samples, its frequency in
   * hertz, and by how many milliseconds the clicks are off.
   */
  fit(hertz: number, rate: number, semitones: number): Promise<[number, number, number[]]>;
  stop(): void;
}

const output = new Output();
const player = new StreamPlayer(
  output,
  () => undefined,
  (message) => {
    throw new Error(message);
  },
);
let recorded: Float32Array[] = [];
let recorder: AudioWorkletNode | null = null;

async function record(): Promise<void> {
  const { context, volume } = output.open(RATE);
  if (recorder) return;
  await context.audioWorklet.addModule(recorderAddress);
  recorder = new AudioWorkletNode(context, "recorder");
  recorder.port.onmessage = ({ data }: MessageEvent<Float32Array>) => recorded.push(data);
  volume.connect(recorder);
}

async function take(samples: number): Promise<Float32Array> {
  recorded = [];
  while (recorded.length * QUANTUM < samples) await new Promise((done) => setTimeout(done, 5));
  const all = new Float32Array(recorded.length * QUANTUM);
  recorded.forEach((part, index) => all.set(part, index * QUANTUM));
  return all.subarray(0, samples);
}

function expected(seeds: readonly number[], first: number, count: number): Float32Array {
  const samples = new Float32Array(count);
  for (let at = 0; at < count;) {
    const frame = Math.floor((first + at) / BLOCK_SIZE);
    const offset = (first + at) % BLOCK_SIZE;
    const sum = frameSum(seeds, frame);
    for (; at < count && (first + at) % BLOCK_SIZE >= offset; at += 1) {
      samples[at] = (sum[(first + at) % BLOCK_SIZE] ?? 0) / 32_768;
      if ((first + at + 1) % BLOCK_SIZE === 0) {
        at += 1;
        break;
      }
    }
  }
  return samples;
}

/** Lag at which a recording begins in what was expected, or -1. */
function lagOf(heard: Float32Array, wanted: Float32Array): number {
  for (let lag = 0; lag + 64 < wanted.length; lag += 1) {
    let error = 0;
    for (let index = 0; index < 64 && error < 0.001; index += 1)
      error += Math.abs((heard[index] ?? 0) - (wanted[lag + index] ?? 0));
    if (error < 0.001) return lag;
  }
  return -1;
}

/** The mixer waited for samples: it wrote fewer than a quantum, whose rest is silence. */
function hasGap(heard: Float32Array): boolean {
  return heard.some((sample, at) => sample === 0 && at % QUANTUM === QUANTUM - 1);
}

function decibels(value: number): number {
  return 20 * Math.log10(Math.max(value, 1e-7));
}

async function landed(position: number, seeds: readonly number[]): Promise<number> {
  player.seek(position);
  const began = performance.now();
  const wanted = expected(seeds, Math.round(position * RATE), RATE);
  for (;;) {
    const heard = await take(QUANTUM);
    if (lagOf(heard, wanted) >= 0) return performance.now() - began;
    if (performance.now() - began > 15_000) throw new Error("the jump was not heard");
  }
}

function toneBuffer(hertz: number): AudioBuffer {
  const buffer = new AudioBuffer({ length: 2 * RATE, sampleRate: RATE });
  const samples = buffer.getChannelData(0);
  samples.forEach((_, at) => (samples[at] = 0.5 * Math.sin((2 * Math.PI * hertz * at) / RATE)));
  return buffer;
}

function clickBuffer(): AudioBuffer {
  const buffer = new AudioBuffer({ length: 2 * RATE, sampleRate: RATE });
  const samples = buffer.getChannelData(0);
  for (let at = 0; at < samples.length; at += RATE / 2)
    for (let index = 0; index < 400; index += 1)
      samples[at + index] = Math.exp(-index / 60) * Math.sin(index * 0.2);
  return buffer;
}

/** Frequency of a sine in hertz, by the times of its first and last upward zero crossing. */
function frequencyOf(samples: Float32Array): number {
  const crossings: number[] = [];
  for (let at = 1; at < samples.length; at += 1) {
    const [before, after] = [samples[at - 1] ?? 0, samples[at] ?? 0];
    if (before < 0 && after >= 0) crossings.push(at - after / (after - before));
  }
  const [first, last] = [crossings[0] ?? 0, crossings.at(-1) ?? 0];
  return ((crossings.length - 1) * RATE) / (last - first);
}

const bench: Bench = {
  async open(addresses, original) {
    const file = (address: string): StreamFile => ({
      size: null,
      address: () => Promise.resolve(address),
    });
    const began = performance.now();
    const files = { stems: addresses.map(file), original: original ? file(original) : null };
    await player.open(files, 0);
    const took = performance.now() - began;
    await record();
    await output.resume();
    player.start();
    return took;
  },
  async nullTest(position, seeds) {
    await landed(position, seeds);
    let heard = await take(QUANTUM + 4096);
    while (hasGap(heard)) heard = await take(QUANTUM + 4096);
    // What follows a gap is faded in, so the first quantum is only there to see a gap.
    heard = heard.subarray(QUANTUM);
    const wanted = expected(seeds, Math.round(position * RATE), RATE * 8);
    const lag = lagOf(heard, wanted);
    if (lag < 0) throw new Error("the recording is not the sum of the stems");
    let worst = 0;
    heard.forEach((sample, index) => {
      worst = Math.max(worst, Math.abs(sample - (wanted[lag + index] ?? 0)));
    });
    return decibels(worst);
  },
  hear(stems, of) {
    const gains = Float32Array.from({ length: of * 2 }, (_, index) =>
      stems.includes(index >> 1) ? 1 : 0,
    );
    player.setGains(gains);
  },
  jump: landed,
  async loop(start, end, seconds, hertz) {
    player.seek(start);
    player.setLoop({ start, end });
    await take(RATE / 4);
    const heard = await take(Math.round(seconds * RATE));
    const turn = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
    let [peak, step] = [0, 0];
    for (let index = 2; index < heard.length; index += 1) {
      const sample = heard[index] ?? 0;
      const next = turn * (heard[index - 1] ?? 0) - (heard[index - 2] ?? 0);
      peak = Math.max(peak, Math.abs(sample));
      step = Math.max(step, Math.abs(sample - next));
    }
    return [decibels(peak), decibels(step)];
  },
  async fit(hertz, rate, semitones) {
    const [sine, clicks] = [toneBuffer(hertz), clickBuffer()];
    const fitted = (await stretch(sine, { rate, semitones })).getChannelData(0);
    const clicked = (await stretch(clicks, { rate, semitones: 0 })).getChannelData(0);
    const late = [0, 0.5, 1, 1.5].map((second) => {
      const first = Math.max(0, Math.round((second / rate) * RATE) - 2000);
      const part = clicked.subarray(first, first + 4000);
      const loudest = part.reduce(
        (top, x, at) => (Math.abs(x) > Math.abs(part[top] ?? 0) ? at : top),
        0,
      );
      return ((first + loudest) / RATE - second / rate) * 1000;
    });
    return [fitted.length, frequencyOf(fitted.subarray(RATE / 4, -RATE / 4)), late];
  },
  stop: () => player.stop(),
};

(window as unknown as { bench: Bench }).bench = bench;
