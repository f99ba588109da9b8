/** Notes of a track: read at other thresholds, heard, edited; spectrograms, chords and sections. */
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dropFiles, signUpByKeyboard } from "./support/account";
import { openBrowser, openPage, seriousFindings } from "./support/browser";
import { startServer, type Server } from "./support/server";

const SONG = readFileSync(new URL("../../../examples/song/song.flac", import.meta.url));
/** Stems, analysis and MIDI of a song on a busy machine of two cores. */
const MADE_WITHIN = { timeout: 600_000 };
const SOON = { timeout: 30_000 };

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

async function openTrack(page: Page): Promise<void> {
  await signUpByKeyboard(page, server.url, "notes@example.org");
  await dropFiles(page, [{ name: "evening.flac", bytes: SONG }], () => Promise.resolve());
  await page.getByRole("button", { name: "Play Vocals" }).waitFor(MADE_WITHIN);
  await page.getByRole("link", { name: "Tracks" }).first().click();
  await page.getByRole("table", { name: "Songs" }).getByRole("link").first().click();
  await page.getByRole("list", { name: "Chords" }).waitFor(MADE_WITHIN);
  await page.getByRole("slider", { name: "Onset" }).waitFor(MADE_WITHIN);
}

/** How many notes of the song, or of the part that is read, the roll holds. */
async function count(page: Page): Promise<number> {
  return parseInt(await page.locator(".roll-count").innerText(), 10);
}

function shownNotes(page: Page): Promise<number> {
  return page.locator(".roll-lane ol li").count();
}

test("notes are read again, heard and edited", { timeout: 1_200_000 }, async () => {
  const { page, errors } = await openPage(browser);
  await openTrack(page);
  await page.keyboard.press("0");
  const machine = await count(page);
  expect(machine).toBeGreaterThan(0);

  // Read again: fewer notes while the slider moves, kept as the user's, undone, and the machine's.
  const answers: number[] = [];
  page.on("response", (response) => {
    if (response.url().includes("/notes?") && response.ok())
      answers.push(response.request().timing().responseEnd);
  });
  const onset = page.getByRole("slider", { name: "Onset" });
  const before = await shownNotes(page);
  for (const value of ["0.6", "0.7", "0.8"]) await onset.fill(value);
  await expect.poll(() => shownNotes(page), SOON).toBeLessThan(before);
  expect(answers.length).toBeGreaterThan(0);
  await page.screenshot({ path: "test-results/notes-draft.png" });
  await page.getByRole("button", { name: "Keep these notes" }).click();
  await page.getByRole("button", { name: "yours" }).waitFor(SOON);
  await expect.poll(() => count(page), SOON).toBeLessThan(machine);
  await page.keyboard.press("Control+z");
  await expect.poll(() => count(page), SOON).toBe(machine);
  await onset.fill("0.3");
  await page.getByRole("button", { name: "Discard these notes" }).click();
  await expect.poll(() => count(page), SOON).toBe(machine);

  // Heard in place of the audio, while it plays.
  await page.locator("body").click({ position: { x: 2, y: 2 } });
  await page.keyboard.press("Home");
  await page.keyboard.press("n");
  await page.waitForURL(/midi=/);
  await page.keyboard.press("Space");
  const line = page.getByRole("slider", { name: "Playhead" });
  const seconds = (): Promise<number> =>
    line.evaluate((element) => Number(element.getAttribute("aria-valuenow")));
  await expect.poll(seconds, SOON).toBeGreaterThan(1);
  const loudest = (): Promise<number> =>
    page.evaluate(() =>
      Math.max(
        ...[...document.querySelectorAll<HTMLElement>(".mixer .strip-meter i")].map((bar) =>
          parseFloat(bar.style.getPropertyValue("--level") || "0"),
        ),
      ),
    );
  await expect.poll(loudest, SOON).toBeGreaterThan(20);
  await page.keyboard.press("n");
  await page.waitForURL((url) => !url.search.includes("midi="));
  await page.keyboard.press("Space");

  // Edited: drawn, moved, deleted by keys; each is undone.
  await page.keyboard.press("p");
  const roll = page.locator(".roll-lane.editing");
  const box = await roll.boundingBox();
  if (!box) throw new Error("there is no roll");
  await page.mouse.click(box.x + box.width * 0.5, box.y + 4);
  await expect.poll(() => count(page), SOON).toBe(machine + 1);
  const said = (): Promise<string> => roll.getByRole("status").innerText();
  const drawn = await said();
  expect(drawn).toContain("velocity 90");
  await page.keyboard.press("Control+ArrowDown");
  await expect.poll(said, SOON).not.toBe(drawn);
  await page.keyboard.press("Control+Shift+ArrowUp");
  await expect.poll(said, SOON).toContain("velocity 98");
  await page.keyboard.press("Control+Shift+ArrowRight");
  await page.screenshot({ path: "test-results/notes-editing.png" });
  await page.keyboard.press("Delete");
  await expect.poll(() => count(page), SOON).toBe(machine);
  for (let undone = 0; undone < 5; undone += 1) await page.keyboard.press("Control+z");
  await expect.poll(() => page.getByRole("button", { name: "yours" }).count(), SOON).toBe(0);
  expect(await count(page)).toBe(machine);
  await page.keyboard.press("p");

  // Chords and sections: split at the playhead, and removed.
  for (const [name, split, remove] of [
    ["Chords", "c", "r"],
    ["Sections", "Shift+C", "Shift+R"],
  ] as const) {
    const marks = page.getByRole("list", { name }).getByRole("listitem");
    const found = await marks.count();
    await page.keyboard.press(split);
    await expect.poll(() => marks.count(), SOON).toBe(found + 1);
    await page.keyboard.press(remove);
    await expect.poll(() => marks.count(), SOON).toBe(found);
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
  }

  // Spectrograms come tile by tile, in both themes.
  await page.keyboard.press("f");
  await page.waitForURL(/spectrum=/);
  const changes = (): Promise<number> =>
    page
      .locator(".spectrum-lane")
      .first()
      .evaluate((lane) => Number(lane.getAttribute("data-changes")));
  await expect.poll(changes, SOON).toBeGreaterThan(1);
  for (const theme of ["dark", "light"]) {
    await page.evaluate((name) => {
      document.documentElement.dataset["theme"] = name;
    }, theme);
    expect(await seriousFindings(page)).toEqual([]);
    await page.screenshot({ path: `test-results/notes-${theme}.png` });
  }
  expect(errors).toEqual([]);
});
