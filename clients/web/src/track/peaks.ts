/** Waveforms as the server stores them: version 2 of audiowaveform's `.dat` format. */

export interface PeaksHeader {
  readonly sampleRate: number;
  readonly samplesPerPixel: number;
  readonly pixels: number;
  readonly channels: number;
  readonly bits: 8 | 16;
}

/** What a column of a waveform shows, in -1…1; the body is the usual extent within the column. */
export interface Column {
  readonly low: number;
  readonly high: number;
  readonly body: number;
}

export const HEADER_BYTES = 24;

/** @throws Error if the bytes are not version 2 of the format. */
export function parsePeaksHeader(bytes: Uint8Array): PeaksHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getInt32(0, true) !== 2)
    throw new Error("the waveform has an unknown format");
  return {
    bits: view.getUint32(4, true) & 1 ? 8 : 16,
    sampleRate: view.getInt32(8, true),
    samplesPerPixel: view.getInt32(12, true),
    pixels: view.getUint32(16, true),
    channels: view.getInt32(20, true),
  };
}

/** The lowest and highest sample of each pixel over all channels, as far as they are loaded. */
export class Waveform {
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** Pixels from the start that are loaded. */
  loaded = 0;

  constructor(readonly header: PeaksHeader) {
    this.low = new Float32Array(header.pixels);
    this.high = new Float32Array(header.pixels);
  }

  get isComplete(): boolean {
    return this.loaded >= this.header.pixels;
  }

  get pixelsPerSecond(): number {
    return this.header.sampleRate / this.header.samplesPerPixel;
  }

  get pixelBytes(): number {
    return (this.header.channels * 2 * this.header.bits) / 8;
  }

  /** Add whole pixels behind those that are loaded. */
  add(bytes: Uint8Array): void {
    const { bits, channels, pixels } = this.header;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = Math.min(Math.floor(bytes.length / this.pixelBytes), pixels - this.loaded);
    for (let pixel = 0; pixel < count; pixel += 1) {
      let [low, high] = [0, 0];
      for (let channel = 0; channel < channels; channel += 1) {
        const at = (pixel * channels + channel) * 2;
        const value = (index: number): number =>
          bits === 8 ? view.getInt8(index) / 128 : view.getInt16(index * 2, true) / 32768;
        low = Math.min(low, value(at));
        high = Math.max(high, value(at + 1));
      }
      this.low[this.loaded + pixel] = low;
      this.high[this.loaded + pixel] = high;
    }
    this.loaded += count;
  }

  /** Whether the pixels up to a time in seconds are loaded. */
  covers(seconds: number): boolean {
    return this.isComplete || this.loaded / this.pixelsPerSecond >= seconds;
  }

  /** Summarise the pixels between two times in seconds; pixels that are missing count as silence. */
  column(start: number, end: number): Column {
    const first = Math.max(0, Math.floor(start * this.pixelsPerSecond));
    const last = Math.max(first + 1, Math.ceil(end * this.pixelsPerSecond));
    let [low, high, sum] = [0, 0, 0];
    for (let pixel = first; pixel < last; pixel += 1) {
      const [down, up] = [this.low[pixel] ?? 0, this.high[pixel] ?? 0];
      low = Math.min(low, down);
      high = Math.max(high, up);
      sum += (up - down) ** 2;
    }
    // Half the extent is the amplitude; of a sine it is 1.41 times the RMS.
    return { low, high, body: (Math.sqrt(sum / (last - first)) / 2) * Math.SQRT1_2 };
  }
}
