/** Writes FLAC without compression: what tests need to know about every byte. */
import { crc16, crc8 } from "../../src/audio/flac/frames";
import type { RangeReader } from "../../src/audio/flac/source";

export interface FlacOptions {
  readonly blockSize?: number;
  /** Distance of the points of a seek table in frames; no table without it. */
  readonly pointEvery?: number;
}

/** Encode channels of 16 bits at 44.1 kHz. */
export function encodeFlac(
  channels: readonly Int16Array[],
  { blockSize = 4096, pointEvery = 0 }: FlacOptions = {},
): Uint8Array {
  const samples = channels[0]?.length ?? 0;
  const frames: Uint8Array[] = [];
  for (let first = 0; first < samples; first += blockSize)
    frames.push(
      encodeFrame(
        channels.map((channel) => channel.subarray(first, first + blockSize)),
        frames.length,
      ),
    );
  const blocks = [streamInfo(channels.length, samples, blockSize)];
  if (pointEvery > 0) blocks.push(seekTable(frames, pointEvery, blockSize, samples));
  const comment = new Uint8Array(8 + 4);
  blocks.push(metadata(4, comment, true));
  return concat([new Uint8Array([0x66, 0x4c, 0x61, 0x43]), ...blocks, ...frames]);
}

/** Samples of noise that are the same for the same seed; `peak` is below 32768. */
export function noise(length: number, seed: number, peak = 8000): Int16Array {
  let state = seed >>> 0 || 1;
  return Int16Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.round((state / 2 ** 31 - 1) * peak);
  });
}

/** A file in memory that counts what is read of it. */
export class MemoryFile implements RangeReader {
  reads = 0;
  bytesRead = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  read(from: number, to: number): Promise<Uint8Array> {
    const part = this.bytes.subarray(from, to);
    this.reads += 1;
    this.bytesRead += part.length;
    return Promise.resolve(part);
  }
}

export function encodeFrame(channels: readonly Int16Array[], number: number): Uint8Array {
  const count = channels[0]?.length ?? 0;
  const head = [0xff, 0xf8, 0x79, ((channels.length - 1) << 4) | (4 << 1)];
  head.push(...codedNumber(number), (count - 1) >> 8, (count - 1) & 0xff);
  head.push(crc8(Uint8Array.from(head), 0, head.length));
  const body = channels.flatMap((channel) => {
    const bytes = new Uint8Array(1 + count * 2);
    const view = new DataView(bytes.buffer);
    // Verbatim samples.
    bytes[0] = 1 << 1;
    channel.forEach((sample, index) => view.setInt16(1 + index * 2, sample));
    return bytes;
  });
  const frame = concat([Uint8Array.from(head), ...body]);
  const crc = crc16(frame, 0, frame.length);
  return concat([frame, Uint8Array.of(crc >> 8, crc & 0xff)]);
}

function codedNumber(value: number): number[] {
  if (value < 0x80) return [value];
  if (value < 0x800) return [0xc0 | (value >> 6), 0x80 | (value & 63)];
  return [0xe0 | (value >> 12), 0x80 | ((value >> 6) & 63), 0x80 | (value & 63)];
}

export function streamInfo(channels: number, samples: number, blockSize: number): Uint8Array {
  const bytes = new Uint8Array(34);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, blockSize);
  view.setUint16(2, blockSize);
  const packed = (44_100 << 12) | ((channels - 1) << 9) | (15 << 4);
  view.setUint32(10, packed | Math.floor(samples / 2 ** 32));
  view.setUint32(14, samples % 2 ** 32);
  return metadata(0, bytes, false);
}

function seekTable(
  frames: readonly Uint8Array[],
  every: number,
  blockSize: number,
  samples: number,
): Uint8Array {
  const points: [number, number][] = [];
  let offset = 0;
  frames.forEach((frame, index) => {
    if (index % every === 0) points.push([index * blockSize, offset]);
    offset += frame.length;
  });
  const bytes = new Uint8Array((points.length + 1) * 18);
  const view = new DataView(bytes.buffer);
  points.forEach(([sample, at], index) => {
    view.setBigUint64(index * 18, BigInt(sample));
    view.setBigUint64(index * 18 + 8, BigInt(at));
    view.setUint16(index * 18 + 16, Math.min(blockSize, samples - sample));
  });
  view.setBigUint64(points.length * 18, 0xffffffffffffffffn);
  return metadata(3, bytes, false);
}

export function metadata(kind: number, content: Uint8Array, isLast: boolean): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, (kind << 24) | content.length);
  head[0] = kind | (isLast ? 0x80 : 0);
  return concat([head, content]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
