/** A FLAC file behind an address: frames by time, of which only the needed bytes are fetched. */
import { findFrame, frameEnd, parseFrameHeader, type Frame } from "./frames";
import { HEADER_BYTES, parseHeader, type FlacHeader, type FramePoint } from "./header";

/** Returns bytes `from` to `to` (exclusive) of a file; fewer at its end. */
export interface RangeReader {
  read(from: number, to: number): Promise<Uint8Array>;
  /** Bytes of the file; known after the first read. */
  readonly size: number;
}

/** A frame that is probably no further than this behind a known one is not searched for. */
const NARROW_BYTES = 262_144;
/** Holds at least one whole frame of two channels in 24 bits. */
const PROBE_BYTES = 65_536;

export class FlacSource {
  /** Known frames in order of time. */
  readonly #known: FramePoint[];

  private constructor(
    readonly header: FlacHeader,
    private readonly reader: RangeReader,
  ) {
    this.#known = [{ sample: 0, byte: header.audioStart }];
    for (const point of header.points) this.#remember(point);
  }

  /** @throws NotFlac if the file is none. */
  static async open(reader: RangeReader): Promise<FlacSource> {
    let bytes = await reader.read(0, HEADER_BYTES);
    let header = parseHeader(bytes);
    while (typeof header === "number") {
      bytes = await reader.read(0, header);
      header = parseHeader(bytes);
    }
    return new FlacSource(header, reader);
  }

  /** Return the frames that hold samples `first` to `first + count`, cut at the end of the file. */
  async frames(first: number, count: number): Promise<Frame[]> {
    const { info } = this.header;
    const until = Math.min(first + count, info.samples);
    if (first >= until) return [];
    const start = await this.#locate(first);
    let bytes: Uint8Array = new Uint8Array(0);
    let end = this.#likelyEnd(start, until);
    for (;;) {
      const more = await this.reader.read(start.byte + bytes.length, end);
      bytes = bytes.length === 0 ? more : joined(bytes, more);
      const found = this.#split(bytes, start, first, until);
      if (found) return found;
      if (more.length === 0) throw new Error("the file ends before its last frame");
      end = Math.min(this.reader.size, start.byte + bytes.length + NARROW_BYTES);
    }
  }

  /** Return the frames among bytes, or `null` if some are missing. */
  #split(bytes: Uint8Array, start: FramePoint, first: number, until: number): Frame[] | null {
    const { info } = this.header;
    const frames: Frame[] = [];
    for (let at = 0; ;) {
      const header = parseFrameHeader(bytes, at, info);
      const end = header ? frameEnd(bytes, at, header, info) : null;
      if (!header || end === null) return null;
      const { sample, count } = header;
      if (sample + count > first) frames.push({ sample, count, bytes: bytes.subarray(at, end) });
      if (sample + count >= until) {
        // Whoever goes on from here starts in this frame or in the one after it.
        this.#remember({ sample, byte: start.byte + at });
        at = end;
        if (sample + count < info.samples)
          this.#remember({ sample: sample + count, byte: start.byte + at });
        return frames;
      }
      at = end;
    }
  }

  /** Return a known frame not far before a sample; probe the file if it has no near point. */
  async #locate(sample: number): Promise<FramePoint> {
    const { info } = this.header;
    let [low, high] = this.#around(sample);
    for (let step = 0; ; step += 1) {
      const share = (sample - low.sample) / (high.sample - low.sample);
      const distance = share * (high.byte - low.byte);
      if (distance <= NARROW_BYTES) break;
      // Every third step halves the range, so that a lopsided file cannot stall the search.
      const middle = step % 3 === 2 ? (high.byte - low.byte) / 2 : distance;
      const guess = Math.floor(low.byte + middle) - PROBE_BYTES / 2;
      const from = Math.max(low.byte + 1, Math.min(guess, high.byte - PROBE_BYTES));
      const bytes = await this.reader.read(from, Math.min(this.reader.size, from + PROBE_BYTES));
      const found = findFrame(bytes, 0, info);
      if (!found) break;
      const point = { sample: found.header.sample, byte: from + found.at };
      if (point.byte >= high.byte) break;
      this.#remember(point);
      if (point.sample <= sample) low = point;
      else high = point;
    }
    return this.#around(sample)[0];
  }

  #around(sample: number): [FramePoint, FramePoint] {
    const after = this.#insertion(sample + 1);
    const end = { sample: this.header.info.samples, byte: this.reader.size };
    return [this.#known[after - 1] ?? end, this.#known[after] ?? end];
  }

  /** Where the bytes that hold everything up to a sample probably end. */
  #likelyEnd(start: FramePoint, until: number): number {
    const { info, audioStart } = this.header;
    const average = (this.reader.size - audioStart) / info.samples;
    const guess = start.byte + (until - start.sample + info.blockSize) * average * 1.3 + 32_768;
    const known = this.#known[this.#insertion(until)];
    // A frame ends where the header of the next one begins, so that header is read too.
    const exact = known ? known.byte + 16 : this.reader.size;
    return Math.min(Math.ceil(guess), exact, this.reader.size);
  }

  /** Index of the first known frame at or after a sample. */
  #insertion(sample: number): number {
    let [low, high] = [0, this.#known.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#known[middle]?.sample ?? 0) < sample) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #remember(point: FramePoint): void {
    const index = this.#insertion(point.sample);
    if (this.#known[index]?.sample !== point.sample) this.#known.splice(index, 0, point);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
