/** The points of a map: the binary answer of `GET /v1/maps/{name}/points`, read in place. */

const MAGIC = "CDM1";
const HEADER = 8;
const ID_BYTES = 16;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export interface MapPoints {
  readonly count: number;
  /** Positions, 0 to 65535 over the unit square. */
  readonly x: Uint16Array<ArrayBuffer>;
  readonly y: Uint16Array<ArrayBuffer>;
  /** Index of each point's class among the map's `classes`. */
  readonly kind: Uint8Array<ArrayBuffer>;
  /** Identifiers of the items, 16 bytes each. */
  readonly ids: Uint8Array<ArrayBuffer>;
}

/**
 * Read the points of an answer.
 * @throws RangeError if the bytes are not those of a map.
 */
export function readPoints(bytes: ArrayBuffer): MapPoints {
  const magic = String.fromCharCode(...new Uint8Array(bytes, 0, Math.min(4, bytes.byteLength)));
  if (magic !== MAGIC || bytes.byteLength < HEADER) throw new RangeError("these are no map points");
  const count = new DataView(bytes).getUint32(4, true);
  const x = HEADER + count * ID_BYTES;
  const y = x + count * 2;
  const kind = y + count * 2;
  if (bytes.byteLength < kind + count) throw new RangeError("the map's points are cut off");
  return {
    count,
    ids: new Uint8Array(bytes, HEADER, count * ID_BYTES),
    x: new Uint16Array(bytes, x, count),
    y: new Uint16Array(bytes, y, count),
    kind: new Uint8Array(bytes, kind, count),
  };
}

/** Return the identifier of a point's item, a UUID as text. */
export function itemOf({ ids }: MapPoints, point: number): string {
  let text = "";
  for (let byte = 0; byte < ID_BYTES; byte += 1) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) text += "-";
    text += HEX[ids[point * ID_BYTES + byte] ?? 0] ?? "";
  }
  return text;
}

/** Return the point of an item, or -1 if the map does not hold it. */
export function pointOf({ ids, count }: MapPoints, item: string): number {
  const digits = item.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(digits)) return -1;
  const wanted = Uint8Array.from({ length: ID_BYTES }, (_, byte) =>
    Number.parseInt(digits.slice(2 * byte, 2 * byte + 2), 16),
  );
  // From the last byte on: the first ones hold the time and are alike.
  for (let point = 0; point < count; point += 1) {
    let byte = ID_BYTES - 1;
    while (byte >= 0 && ids[point * ID_BYTES + byte] === wanted[byte]) byte -= 1;
    if (byte < 0) return point;
  }
  return -1;
}
