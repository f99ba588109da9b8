/** The metadata at the start of a FLAC file (RFC 9639, section 8). */

export interface StreamInfo {
  readonly sampleRate: number;
  readonly channels: number;
  readonly bits: number;
  /** Samples in a frame; the last frame may hold fewer. */
  readonly blockSize: number;
  /** Samples of one channel in the whole file. */
  readonly samples: number;
}

/** A frame whose place is known: its first sample, and its first byte in the file. */
export interface FramePoint {
  readonly sample: number;
  readonly byte: number;
}

export interface FlacHeader {
  readonly info: StreamInfo;
  /** Points of the seek table in order of time; empty if the file has none. */
  readonly points: readonly FramePoint[];
  /** First byte of the first frame. */
  readonly audioStart: number;
  /** Everything before the first frame, as decoders ask for it. */
  readonly description: Uint8Array;
}

/** Bytes to fetch at first: they hold the metadata of every file that the server writes. */
export const HEADER_BYTES = 65_536;

export class NotFlac extends Error {
  constructor() {
    super("the file is not FLAC");
  }
}

const STREAMINFO = 0;
const SEEKTABLE = 3;
const POINT_BYTES = 18;

/**
 * Parse the metadata, or return the number of bytes that are needed to hold all of it.
 * @throws NotFlac if the bytes do not start as FLAC does.
 */
export function parseHeader(bytes: Uint8Array): FlacHeader | number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 42 || view.getUint32(0) !== 0x664c6143) throw new NotFlac();
  let info: StreamInfo | null = null;
  const points: { sample: number; offset: number }[] = [];
  let at = 4;
  for (let last = false; !last;) {
    if (at + 4 > bytes.length) return bytes.length + HEADER_BYTES;
    const head = view.getUint32(at);
    const [kind, size] = [(head >>> 24) & 127, head & 0xffffff];
    last = head >>> 31 === 1;
    at += 4;
    if (at + size > bytes.length) return at + size + HEADER_BYTES;
    if (kind === STREAMINFO) info = parseInfo(view, at);
    if (kind === SEEKTABLE) points.push(...parsePoints(view, at, size));
    at += size;
  }
  if (!info) throw new NotFlac();
  return {
    info,
    points: points.map(({ sample, offset }) => ({ sample, byte: at + offset })),
    audioStart: at,
    description: bytes.slice(0, at),
  };
}

function parseInfo(view: DataView, at: number): StreamInfo {
  const packed = view.getUint32(at + 10);
  return {
    blockSize: view.getUint16(at),
    sampleRate: packed >>> 12,
    channels: ((packed >>> 9) & 7) + 1,
    bits: ((packed >>> 4) & 31) + 1,
    samples: (packed & 15) * 2 ** 32 + view.getUint32(at + 14),
  };
}

function* parsePoints(view: DataView, at: number, size: number) {
  for (let point = at; point + POINT_BYTES <= at + size; point += POINT_BYTES) {
    const sample = view.getBigUint64(point);
    // The largest number marks a point that is not used.
    if (sample === 0xffffffffffffffffn) return;
    yield { sample: Number(sample), offset: Number(view.getBigUint64(point + 8)) };
  }
}
