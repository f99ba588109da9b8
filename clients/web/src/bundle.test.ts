import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Bytes, compressed by gzip, that the first load may cost. */
const MAX_FIRST_JS = 180_000;
const MAX_FIRST_CSS = 18_000;
const MAX_TRACK_JS = 70_000;
const MAX_MAP_JS = 45_000;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cratedig-bundle-"));
  execFileSync(
    "npx",
    ["--no-install", "vite", "build", "--logLevel", "error", "--outDir", folder],
    {
      cwd: new URL("..", import.meta.url),
    },
  );
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Return the compressed bytes of the assets whose names match. */
function compressed(pattern: RegExp): number {
  const assets = join(folder, "assets");
  return readdirSync(assets)
    .filter((name) => pattern.test(name))
    .reduce((sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length, 0);
}

test("the first load is within its budget", () => {
  expect(compressed(/^index-.*\.js$/)).toBeLessThan(MAX_FIRST_JS);
  expect(compressed(/^index-.*\.css$/)).toBeLessThan(MAX_FIRST_CSS);
});

test("a track adds little", () => {
  expect(compressed(/^track-.*\.js$/)).toBeLessThan(MAX_TRACK_JS);
});

test("a map adds little", () => {
  expect(compressed(/^map-.*\.js$/)).toBeGreaterThan(0);
  expect(compressed(/^map-.*\.js$/)).toBeLessThan(MAX_MAP_JS);
});

test("the page has no inline script, and its theme is set before anything is painted", () => {
  const html = readFileSync(join(folder, "index.html"), "utf8");
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>/);
  expect(html.indexOf("/assets/theme-")).toBeLessThan(html.indexOf("/assets/index-"));
});
