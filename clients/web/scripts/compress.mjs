/**
 * Compress each built file that gets smaller by it, once and at the highest level. The gateway
 * sends the `.br` or `.gz` beside a file to browsers that accept it.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const DIST = new URL("../dist/", import.meta.url).pathname;
const COMPRESSIBLE = new Set([
  ...[".css", ".html", ".js", ".json", ".map", ".mjs"],
  ...[".svg", ".txt", ".wasm"],
]);
/** A smaller file fits in one packet either way. */
const MIN_BYTES = 1000;

const encoders = [
  [".br", (data) => promisify(brotliCompress)(data, brotliOptions(data))],
  [".gz", (data) => promisify(gzip)(data, { level: 9 })],
];

function brotliOptions(data) {
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
    },
  };
}

for (const entry of await readdir(DIST, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !COMPRESSIBLE.has(extname(entry.name))) continue;
  const path = join(entry.parentPath, entry.name);
  const data = await readFile(path);
  if (data.length < MIN_BYTES) continue;
  for (const [suffix, encode] of encoders) {
    const encoded = await encode(data);
    if (encoded.length < data.length) await writeFile(path + suffix, encoded);
  }
}
