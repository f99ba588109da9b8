/** Decoded windows of the sources of one song; the least recently used ones are dropped. */
import { openDecoder, type FrameDecoder } from "./flac/decoder";
import { FlacSource, type RangeReader } from "./flac/source";

/** Samples of one channel in a window: about 1.5 s, and whole frames of the usual size. */
export const WINDOW = 65_536;

/** One decoded file: left and right, or one channel. */
export class DecodedSource {
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly source: FlacSource,
    private readonly decoder: FrameDecoder,
  ) {}

  static async open(reader: RangeReader): Promise<DecodedSource> {
    const source = await FlacSource.open(reader);
    return new DecodedSource(source, await openDecoder(source.header));
  }

  get sampleRate(): number {
    return this.source.header.info.sampleRate;
  }

  get samples(): number {
    return this.source.header.info.samples;
  }

  /** Decode one window, cut at the end of the file. */
  async window(index: number): Promise<Float32Array[]> {
    const first = index * WINDOW;
    const count = Math.min(WINDOW, this.samples - first);
    const frames = await this.source.frames(first, count);
    const skipped = first - (frames[0]?.sample ?? first);
    const decoding = this.#tail.then(() => this.decoder.decode(frames));
    this.#tail = decoding.catch(() => undefined);
    const channels = await decoding;
    return channels.map((channel) =>
      skipped === 0 && channel.length === count ? channel : channel.slice(skipped, skipped + count),
    );
  }

  close(): void {
    this.decoder.close();
  }
}

/** Windows by source and index, in the order of their last use. */
export class WindowCache {
  readonly #windows = new Map<string, Float32Array[]>();
  readonly #loading = new Map<string, Promise<Float32Array[]>>();
  #bytes = 0;

  constructor(
    private readonly sources: readonly Pick<DecodedSource, "window">[],
    private readonly maxBytes: number,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** Return a window that is decoded, or `undefined`. */
  peek(source: number, index: number): Float32Array[] | undefined {
    const key = `${source}:${index}`;
    const window = this.#windows.get(key);
    if (window) {
      this.#windows.delete(key);
      this.#windows.set(key, window);
    }
    return window;
  }

  /** Decode the windows of all sources that hold a range of samples. */
  async load(first: number, count: number): Promise<void> {
    const pending: Promise<unknown>[] = [];
    const last = Math.floor((first + Math.max(1, count) - 1) / WINDOW);
    for (let index = Math.floor(Math.max(0, first) / WINDOW); index <= last; index += 1)
      for (let source = 0; source < this.sources.length; source += 1)
        if (!this.peek(source, index)) pending.push(this.#decode(source, index));
    await Promise.all(pending);
  }

  /** Whether all sources have a range of samples. */
  has(first: number, count: number): boolean {
    const last = Math.floor((first + Math.max(1, count) - 1) / WINDOW);
    for (let index = Math.floor(Math.max(0, first) / WINDOW); index <= last; index += 1)
      for (let source = 0; source < this.sources.length; source += 1)
        if (!this.#windows.has(`${source}:${index}`)) return false;
    return true;
  }

  /** Copy samples of a channel; outside the song there is silence. */
  copy(source: number, channel: 0 | 1, target: Float32Array, from: number): void {
    for (let done = 0; done < target.length;) {
      const at = from + done;
      if (at < 0) {
        const silent = Math.min(target.length - done, -at);
        target.fill(0, done, done + silent);
        done += silent;
        continue;
      }
      const offset = at % WINDOW;
      const window = this.peek(source, Math.floor(at / WINDOW));
      const run = Math.min(target.length - done, WINDOW - offset);
      const samples = window?.[channel] ?? window?.[0];
      const part = samples?.subarray(offset, offset + run);
      if (part) target.set(part, done);
      target.fill(0, done + (part?.length ?? 0), done + run);
      done += run;
    }
  }

  async #decode(source: number, index: number): Promise<Float32Array[]> {
    const key = `${source}:${index}`;
    let loading = this.#loading.get(key);
    if (!loading) {
      loading = (this.sources[source] as Pick<DecodedSource, "window">).window(index);
      this.#loading.set(key, loading);
      try {
        this.#keep(key, await loading);
      } finally {
        this.#loading.delete(key);
      }
    }
    return loading;
  }

  #keep(key: string, window: Float32Array[]): void {
    this.#windows.set(key, window);
    this.#bytes += sizeOf(window);
    for (const [oldest, dropped] of this.#windows) {
      if (this.#bytes <= this.maxBytes || oldest === key) break;
      this.#windows.delete(oldest);
      this.#bytes -= sizeOf(dropped);
    }
  }
}

function sizeOf(window: readonly Float32Array[]): number {
  return window.reduce((sum, channel) => sum + channel.byteLength, 0);
}
