/** Frames of a FLAC stream: where each begins and ends (RFC 9639, section 9). */
import type { StreamInfo } from "./header";

export interface FrameHeader {
  /** First sample of the frame. */
  readonly sample: number;
  /** Samples in the frame. */
  readonly count: number;
  /** Bytes of the header with its CRC. */
  readonly size: number;
}

export interface Frame {
  readonly sample: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

const CRC8 = table(8, 0x07);
const CRC16 = table(16, 0x8005);

function table(bits: number, polynomial: number): Uint16Array {
  const top = 1 << (bits - 1);
  const mask = 2 ** bits - 1;
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << (bits - 8);
    for (let bit = 0; bit < 8; bit += 1)
      crc = (crc & top ? (crc << 1) ^ polynomial : crc << 1) & mask;
    return crc;
  });
}

export function crc8(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0;
  for (let at = from; at < to; at += 1) crc = CRC8[crc ^ (bytes[at] ?? 0)] ?? 0;
  return crc;
}

/** Continue a CRC-16; over a whole frame, with its own CRC at the end, it is 0. */
export function crc16(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let crc = start;
  for (let at = from; at < to; at += 1)
    crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ (bytes[at] ?? 0)] ?? 0);
  return crc;
}

/** Parse the header of a frame at a position, or return `null` if there is none. */
export function parseFrameHeader(
  bytes: Uint8Array,
  at: number,
  info: StreamInfo,
): FrameHeader | null {
  if (at + 6 > bytes.length || bytes[at] !== 0xff) return null;
  const [second = 0, sizes = 0, form = 0] = bytes.subarray(at + 1, at + 4);
  if ((second & 0xfe) !== 0xf8 || (form & 1) !== 0 || form >> 4 > 10) return null;
  const number = codedNumber(bytes, at + 4);
  if (!number) return null;
  let next = at + 4 + number.size;
  const blockCode = sizes >> 4;
  const count = blockSize(blockCode, bytes, next);
  if (count === 0) return null;
  if (blockCode === 6) next += 1;
  if (blockCode === 7) next += 2;
  const rateCode = sizes & 15;
  if (rateCode === 15) return null;
  if (rateCode === 12) next += 1;
  if (rateCode === 13 || rateCode === 14) next += 2;
  if (next >= bytes.length || crc8(bytes, at, next) !== bytes[next]) return null;
  const sample = second & 1 ? number.value : number.value * info.blockSize;
  if (sample >= info.samples) return null;
  return { sample, count, size: next + 1 - at };
}

function blockSize(code: number, bytes: Uint8Array, at: number): number {
  if (code === 1) return 192;
  if (code >= 2 && code <= 5) return 576 << (code - 2);
  if (code === 6) return (bytes[at] ?? 0) + 1;
  if (code === 7) return (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)) + 1;
  return code >= 8 ? 256 << (code - 8) : 0;
}

/** A number in the form of UTF-8, of up to seven bytes. */
function codedNumber(bytes: Uint8Array, at: number): { value: number; size: number } | null {
  const first = bytes[at] ?? 0xff;
  if (first < 0x80) return { value: first, size: 1 };
  const size = Math.clz32(~(first << 24));
  if (size < 2 || size > 7) return null;
  let value = first & (0x7f >> size);
  for (let index = 1; index < size; index += 1) {
    const byte = bytes[at + index] ?? 0;
    if ((byte & 0xc0) !== 0x80) return null;
    value = value * 64 + (byte & 0x3f);
  }
  return { value, size };
}

/**
 * Return the position behind a frame, or `null` if its end is not among the bytes.
 * A frame ends where its CRC-16 fits and the header of the frame after it begins.
 */
export function frameEnd(
  bytes: Uint8Array,
  at: number,
  header: FrameHeader,
  info: StreamInfo,
): number | null {
  const following = header.sample + header.count;
  let crc = crc16(bytes, at, at + header.size);
  for (let end = at + header.size; end < bytes.length; end += 1) {
    if (crc === 0 && bytes[end] === 0xff) {
      if (parseFrameHeader(bytes, end, info)?.sample === following) return end;
    }
    crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ (bytes[end] ?? 0)] ?? 0);
  }
  return crc === 0 && following >= info.samples ? bytes.length : null;
}

/** Return the first whole frame at or after a position, or `null` if there is none. */
export function findFrame(
  bytes: Uint8Array,
  from: number,
  info: StreamInfo,
): { at: number; header: FrameHeader; end: number } | null {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const header = parseFrameHeader(bytes, at, info);
    const end = header ? frameEnd(bytes, at, header, info) : null;
    if (header && end !== null) return { at, header, end };
  }
  return null;
}
