/** FLAC files of any length that are never written: each frame is made when it is read. */
import { concat, encodeFrame, metadata, streamInfo } from "./flac";

export const BLOCK_SIZE = 4096;
const MAX_SAMPLE = 4000;

/** Samples of a frame of noise; the same for the same seed and number. */
export function frameNoise(seed: number, frame: number): Int16Array {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(frame + 1, 0x85ebca6b)) >>> 0;
  return Int16Array.from({ length: BLOCK_SIZE }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.round((state / 2 ** 31 - 1) * MAX_SAMPLE);
  });
}

/** The sum of the noises of some seeds. */
export function frameSum(seeds: readonly number[], frame: number): Int16Array {
  const sum = new Int16Array(BLOCK_SIZE);
  for (const seed of seeds)
    frameNoise(seed, frame).forEach((sample, index) => {
      sum[index] = (sum[index] ?? 0) + sample;
    });
  return sum;
}

/** One channel at 44.1 kHz, of whole frames. */
export class VirtualFlac {
  readonly #header: Uint8Array;
  /** First byte of each frame, and of the end. */
  readonly #starts: number[] = [];

  constructor(
    private readonly seeds: readonly number[],
    frames: number,
    options: { readonly hasTable: boolean },
  ) {
    const samples = frames * BLOCK_SIZE;
    let offset = 0;
    for (let frame = 0; frame <= frames; frame += 1) {
      this.#starts.push(offset);
      offset += frameBytes(frame);
    }
    const blocks = [streamInfo(1, samples, BLOCK_SIZE)];
    if (options.hasTable) blocks.push(this.#table(frames));
    const marker = new Uint8Array([0x66, 0x4c, 0x61, 0x43]);
    this.#header = concat([marker, ...blocks, metadata(4, new Uint8Array(8), true)]);
  }

  get size(): number {
    return this.#header.length + (this.#starts.at(-1) ?? 0);
  }

  /** Return bytes `from` to `to` (exclusive). */
  read(from: number, to: number): Uint8Array {
    const parts = [this.#header.subarray(from, to)];
    let frame = Math.max(0, this.#frameAt(from - this.#header.length));
    for (; frame + 1 < this.#starts.length; frame += 1) {
      const start = this.#header.length + (this.#starts[frame] ?? 0);
      if (start >= to) break;
      const bytes = encodeFrame([frameSum(this.seeds, frame)], frame);
      parts.push(bytes.subarray(Math.max(0, from - start), Math.max(0, to - start)));
    }
    return concat(parts);
  }

  #frameAt(offset: number): number {
    return Math.max(
      0,
      this.#starts.findLastIndex((start) => start <= offset),
    );
  }

  /** As the server writes it: 1024 points at most. */
  #table(frames: number): Uint8Array {
    const every = Math.ceil(frames / 1024);
    const count = Math.ceil(frames / every);
    const view = new DataView(new ArrayBuffer(count * 18));
    for (let point = 0; point < count; point += 1) {
      view.setBigUint64(point * 18, BigInt(point * every * BLOCK_SIZE));
      view.setBigUint64(point * 18 + 8, BigInt(this.#starts[point * every] ?? 0));
      view.setUint16(point * 18 + 16, BLOCK_SIZE);
    }
    return metadata(3, new Uint8Array(view.buffer), false);
  }
}

/** Header, samples and CRC of a frame; its number takes one to three bytes. */
function frameBytes(frame: number): number {
  const number = frame < 0x80 ? 1 : frame < 0x800 ? 2 : 3;
  return 4 + number + 2 + 1 + (1 + BLOCK_SIZE * 2) + 2;
}
