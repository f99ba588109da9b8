/** The audio engine in a browser: real worker, WebCodecs and worklet, and a tap on the output. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { createServer as createVite, type ViteDevServer } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bench } from "./audio-page/page";
import { openBrowser } from "./support/browser";
import { encodeFlac } from "./support/flac";
import { VirtualFlac } from "./support/virtual-flac";

const STEMS = [11, 12, 13, 14, 15, 16];
const MINUTE = Math.ceil((60 * 44_100) / 4096);
const HERTZ = 441.7;

interface Ranged {
  readonly size: number;
  read(from: number, to: number): Uint8Array;
}

let store: HttpServer;
let vite: ViteDevServer;
let browser: Browser;
let files: Map<string, Ranged>;
let root: string;

/** Serves ranges of the files, as the object store does. */
function serve(): HttpServer {
  return createServer((request, response) => {
    const file = files.get(request.url ?? "");
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    if (!file || first === undefined || last === undefined) {
      response.writeHead(404, { "Access-Control-Allow-Origin": "*" }).end();
      return;
    }
    const from = Number(first);
    const bytes = file.read(from, Math.min(Number(last) + 1, file.size));
    response.writeHead(206, {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "Range",
      "Access-Control-Expose-Headers": "Content-Range",
      "Content-Range": `bytes ${from}-${from + bytes.length - 1}/${file.size}`,
      "Content-Length": bytes.length,
    });
    response.end(request.method === "OPTIONS" ? undefined : bytes);
  });
}

function inMemory(bytes: Uint8Array): Ranged {
  return { size: bytes.length, read: (from, to) => bytes.subarray(from, to) };
}

beforeAll(async () => {
  files = new Map();
  for (const [name, frames, hasTable] of [
    ["short", 3 * MINUTE, true],
    ["hour", 60 * MINUTE, true],
    ["old", 60 * MINUTE, false],
  ] as const)
    for (const seed of STEMS)
      files.set(`/${name}-${seed}.flac`, new VirtualFlac([seed], frames, { hasTable }));
  files.set("/short-mix.flac", new VirtualFlac(STEMS, 3 * MINUTE, { hasTable: true }));
  const sine = Int16Array.from({ length: 30 * 44_100 }, (_, index) =>
    Math.round(16_000 * Math.sin((2 * Math.PI * HERTZ * index) / 44_100)),
  );
  files.set("/sine.flac", inMemory(encodeFlac([sine])));
  store = serve();
  await new Promise<void>((resolve) => store.listen(0, "127.0.0.1", resolve));
  root = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
  vite = await createVite({
    server: { port: 0, host: "127.0.0.1" },
    logLevel: "error",
    // Finding a dependency late would load the page again.
    optimizeDeps: { noDiscovery: true },
  });
  await vite.listen();
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
  await vite.close();
  store.close();
});

type WithBench = Window & { bench: Bench };

async function openBench(): Promise<Page> {
  const page = await browser.newPage();
  page.on("pageerror", (error) => expect.fail(String(error)));
  const port = (vite.httpServer?.address() as AddressInfo).port;
  await page.goto(`http://127.0.0.1:${port}/tests/audio-page/index.html`);
  await page.waitForFunction(() => "bench" in window);
  return page;
}

function open(page: Page, name: string, original: string | null = null): Promise<number> {
  const addresses = STEMS.map((seed) => `${root}/${name}-${seed}.flac`);
  return page.evaluate(([list, mix]) => (window as unknown as WithBench).bench.open(list, mix), [
    addresses,
    original && `${root}/${original}`,
  ] as const);
}

test("six stems sum to the mix after 100 jumps", { timeout: 400_000 }, async () => {
  const page = await openBench();
  await open(page, "short", "short-mix.flac");
  const worst = await page.evaluate(async (seeds) => {
    const { bench } = window as unknown as WithBench;
    let top = -200;
    for (let jump = 0; jump < 100; jump += 1)
      top = Math.max(top, await bench.nullTest(((jump * 7919) % 1200) / 10, seeds));
    return top;
  }, STEMS);
  print(`worst difference after 100 jumps: ${worst.toFixed(1)} dBFS`);
  expect(worst).toBeLessThan(-80);
  // Each stem alone is where it should be, to the sample.
  for (const index of [0, 3, 5]) {
    const alone = await page.evaluate(
      async ([stem, seed]) => {
        const { bench } = window as unknown as WithBench;
        bench.hear([stem], 6);
        return bench.nullTest(47.123, [seed]);
      },
      [index, STEMS[index] ?? 0] as const,
    );
    expect(alone).toBeLessThan(-80);
  }
  await page.close();
});

test("an hour opens as fast as three minutes, with and without a table", async () => {
  const took: Record<string, number> = {};
  for (const name of ["short", "hour", "old"]) {
    const page = await openBench();
    took[name] = await open(page, name);
    const jumps = await page.evaluate(async (seeds) => {
      const { bench } = window as unknown as WithBench;
      const far = await bench.jump(160, seeds);
      await new Promise((done) => setTimeout(done, 500));
      return [far, await bench.jump(160.7, seeds)];
    }, STEMS);
    await page.evaluate(async (seeds) => {
      const { bench } = window as unknown as WithBench;
      for (let jump = 1; jump < 25; jump += 1) await bench.jump(jump * 6, seeds);
    }, STEMS);
    const memory = rendererMemory();
    print(
      `${name}: opened in ${took[name].toFixed(0)} ms, ` +
        `far jump ${jumps[0]?.toFixed(0)} ms, near jump ${jumps[1]?.toFixed(0)} ms, ${memory} MB`,
    );
    await page.close();
  }
  const { short = 0, hour = 0, old = 0 } = took;
  // Room for a machine that has other work; a search over the whole file would take far longer.
  expect(hour).toBeLessThan(short * 2 + 1500);
  expect(old).toBeLessThan(short * 2 + 1500);
});

test("a loop of a sine has no audible edge", async () => {
  const page = await openBench();
  await page.evaluate(
    (address) => (window as unknown as WithBench).bench.open([address], null),
    `${root}/sine.flac`,
  );
  const [peak = 0, step = 0] = await page.evaluate(
    (hertz) => (window as unknown as WithBench).bench.loop(2.0371, 2.2389, 10.2, hertz),
    HERTZ,
  );
  print(`50 rounds of a loop: peak ${peak.toFixed(1)}, step ${step.toFixed(1)} dBFS`);
  expect(peak).toBeGreaterThan(-8);
  expect(step).toBeLessThan(-60);
  await page.close();
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Memory of the largest page process in MB: its own, and its share of what it shares. */
function rendererMemory(): number {
  const lines = execFileSync("ps", ["-eo", "pid,args"]).toString().split("\n");
  const sizes = lines
    .filter((line) => line.includes("--type=renderer"))
    .map((line) => {
      const rollup = `/proc/${line.trim().split(" ")[0] ?? ""}/smaps_rollup`;
      const text = existsSync(rollup) ? readFileSync(rollup, "utf8") : "";
      return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    });
  return Math.round(Math.max(...sizes) / 1024);
}

test("a fitted sound has the exact length, its pitch within 5 cents and its hits in time", async () => {
  const page = await openBench();
  for (const [rate, semitones] of [
    [1.1, 0],
    [0.8, 0],
    [1, 3],
    [1.2, -5],
  ] as const) {
    const [length, hertz, late] = await page.evaluate(
      (change) => (window as unknown as WithBench).bench.fit(441.7, ...change),
      [rate, semitones] as const,
    );
    const cents = 1200 * Math.log2(hertz / (HERTZ * 2 ** (semitones / 12)));
    print(
      `fitted ${rate} × speed, ${semitones} semitones: ${cents.toFixed(1)} cents, hits ${late.map((ms) => ms.toFixed(1)).join(", ")} ms`,
    );
    expect(length).toBe(Math.round((2 * 44_100) / rate));
    expect(Math.abs(cents)).toBeLessThan(5);
    expect(Math.max(...late.map(Math.abs))).toBeLessThan(6);
  }
});
