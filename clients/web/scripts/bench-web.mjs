// Measure the page over a server whose account holds many sounds, and some that can be heard:
// node scripts/bench-web.mjs URL EMAIL PASSWORD SONG. Prints a list of measurements as JSON.
import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { keyToPaint, listenForSound, scroll, tapOutput } from "./bench-page.mjs";

const LOADS = 5;
const FRAMES = 600;
const PRESSES = 60;
const FACET_CLICKS = 5;
const [url, email, password, song] = process.argv.slice(2);
const measures = [];

/** Keep a measurement; `budget` is the most it may be, or `null` if it is only told. */
function note(name, value, unit, budget) {
  measures.push({ name, value: Math.round(value * 100) / 100, unit, budget });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
  ],
});
try {
  // Each in a process of its own: what one part left behind is not the next one's memory.
  const first = await openPage();
  await firstLoad(first);
  await first.close();
  const page = await openPage();
  await keys(page);
  await scrolling(page);
  await facets(page);
  await memory("the Crate after scrolling");
  await auditions(page);
  await page.close();
  await longSong(await openPage());
} finally {
  await browser.close();
}
console.log(JSON.stringify(measures));

async function openPage() {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(120_000);
  await page.addInitScript(tapOutput);
  await page.goto(url);
  await page.fill("input[type=email]", email);
  await page.fill("input[type=password]", password);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".crate-row:not(.loading)");
  return page;
}

/** Bytes of a first load, and the time until rows are there with and without the browser's cache. */
async function firstLoad(page) {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Network.enable");
  await tools.send("Network.setCacheDisabled", { cacheDisabled: true });
  note("Crate usable, without the browser's cache", await untilRows(page), "ms", null);
  const bytes = await page.evaluate(() => {
    const sums = { js: 0, css: 0 };
    for (const entry of performance.getEntriesByType("resource")) {
      const kind = /\.(js|css)$/.exec(new URL(entry.name).pathname)?.[1];
      if (kind) sums[kind] += entry.encodedBodySize;
    }
    return sums;
  });
  note("JavaScript until the Crate is usable, compressed", bytes.js / 1000, "kB", 300);
  note("Styles until the Crate is usable, compressed", bytes.css / 1000, "kB", 30);
  await tools.send("Network.setCacheDisabled", { cacheDisabled: false });
  await untilRows(page);
  const loads = [];
  for (let load = 0; load < LOADS; load += 1) loads.push(await untilRows(page));
  note("Crate usable, warm, median", quantile(loads, 0.5), "ms", 600);
  await tools.detach();
}

/** Load the Crate again and return the milliseconds until its first rows are there. */
async function untilRows(page) {
  await page.goto(`${url}/crate`, { waitUntil: "commit" });
  await page.waitForSelector(".crate-row:not(.loading)");
  return page.evaluate(() => performance.now());
}

async function keys(page) {
  await page.keyboard.press("p");
  await page.evaluate(keyToPaint);
  for (let press = 0; press < PRESSES; press += 1) {
    await page.keyboard.press("ArrowDown");
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  const times = await page.evaluate(() => window.keyTimes);
  note("Key to paint, p95", quantile(times, 0.95), "ms", 100);
  note("Key to paint, median", quantile(times, 0.5), "ms", null);
  await page.keyboard.press("p");
}

async function scrolling(page) {
  const tools = await page.context().newCDPSession(page);
  // Processor time of the thread, which other work on the machine does not add to.
  await tools.send("Performance.enable", { timeDomain: "threadTicks" });
  let rowsInTree = 0;
  for (const [name, step] of [
    ["8 px a frame", 8],
    ["a row a frame", 32],
    ["half a screen a frame", 350],
    ["to anywhere, each frame", 0],
  ]) {
    const before = await metrics(tools);
    const { seconds, rows } = await page.evaluate(scroll, { step, frames: FRAMES });
    const after = await metrics(tools);
    const script = (1000 * (after.ScriptDuration - before.ScriptDuration)) / FRAMES;
    rowsInTree = Math.max(rowsInTree, rows);
    note(`Scrolling ${name}: script a frame`, script, "ms", 4);
    note(`Scrolling ${name}: frames a second`, FRAMES / seconds, "fps", null);
  }
  note("Rows in the document while scrolling, most", rowsInTree, "rows", 60);
  await tools.detach();
}

async function metrics(session) {
  const { metrics: list } = await session.send("Performance.getMetrics");
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

/** The time from a click on a facet until its rows and counts are there. */
async function facets(page) {
  const times = [];
  for (let click = 0; click < FACET_CLICKS; click += 1) {
    const box = page.locator(".facets [role=checkbox]").nth(click);
    times.push(
      await box.evaluate(async (element) => {
        const list = document.querySelector(".crate-viewport");
        const began = performance.now();
        element.click();
        do await new Promise(requestAnimationFrame);
        while (
          list.getAttribute("aria-busy") !== "false" ||
          document.querySelector(".crate-row.loading")
        );
        return performance.now() - began;
      }),
    );
    await page.goto(`${url}/crate`);
    await page.waitForSelector(".crate-row:not(.loading)");
  }
  note("Facet clicked: rows, median", quantile(times, 0.5), "ms", 200);
}

/** Memory of the page's process: its own pages, and its share of those that others use too. */
async function memory(where) {
  const tools = await browser.newBrowserCDPSession();
  const { processInfo } = await tools.send("SystemInfo.getProcessInfo");
  const sizes = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => `/proc/${id}/smaps_rollup`)
    .filter(existsSync)
    .map((path) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(path, "utf8"))?.[1] ?? 0) / 1000);
  await tools.detach();
  if (sizes.length > 0) note(`Memory of ${where}`, Math.max(...sizes), "MB", 350);
}

/** From a key to the first sample at the output: the first sound of a page, and those after it. */
async function auditions(page) {
  await page.goto(`${url}/crate?q=audible&sort=name`);
  await page.waitForSelector(".crate-row:not(.loading)");
  const rows = Number(await page.getAttribute(".crate-viewport", "aria-rowcount")) - 1;
  const times = [];
  for (let press = 0; press < rows - 1; press += 1) {
    times.push(await pressed(page, "ArrowDown"));
    // The sound ends, and the rows ahead are prepared.
    await page.waitForTimeout(1500);
  }
  const [first, ...others] = times;
  note("Row to sound at the output, the first sound of a page", first, "ms", null);
  note("Row to sound at the output, prepared, median", quantile(others, 0.5), "ms", 60);
}

/** A song of an hour with six stems: opened, played from its start and from near its end. */
async function longSong(page) {
  await page.goto(`${url}/tracks/${song}`, { waitUntil: "commit" });
  await page.getByRole("region", { name: "Piano" }).waitFor();
  note(
    "Song of an hour with six stems: lanes there",
    await page.evaluate(() => performance.now()),
    "ms",
    null,
  );
  note("Song of an hour: key to sound, from the start", await pressed(page, "Space"), "ms", 1000);
  await page.waitForTimeout(5000);
  await page.keyboard.press("Space");
  const overview = page.locator(".overview");
  const { width, height } = await overview.boundingBox();
  await overview.click({ position: { x: width * 0.8, y: height / 2 } });
  await page.waitForTimeout(500);
  note("Song of an hour: key to sound, after a jump", await pressed(page, "Space"), "ms", 1000);
  await page.waitForTimeout(10_000);
  await memory("the song of an hour while six stems play");
}

async function pressed(page, key) {
  // The page listens before the key is sent: the two take different ways.
  await page.evaluate(listenForSound);
  await page.keyboard.press(key);
  return page.evaluate(() => window.heard);
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
