/** One track: seen, heard, mixed, looped and renamed, by keyboard and by pointer. */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { dropFiles, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";

const SONG = readFileSync(new URL("../../../examples/song/song.flac", import.meta.url));
/** Stems of a song on a busy machine of two cores. */
const SEPARATED_WITHIN = { timeout: 400_000 };
const SIZES = [
  [".track-head", "height", 56],
  [".overview", "height", 36],
  [".ruler", "height", 26],
  [".lane-head", "width", 152],
  [".mixer", "width", 268],
] as const;

const { server, browser } = setUpFlow();

async function openTrack(page: Page): Promise<void> {
  await signUpByKeyboard(page, server.url, "track@example.org");
  await dropFiles(page, [{ name: "evening.flac", bytes: SONG }], () => Promise.resolve());
  await page.getByRole("button", { name: "Play Vocals" }).waitFor(SEPARATED_WITHIN);
  await page.getByRole("link", { name: "Tracks" }).first().click();
  await page.getByRole("table", { name: "Songs" }).getByRole("link").first().click();
  await page.getByRole("region", { name: "Vocals" }).waitFor();
}

/** Leave the analysis out of answers, as if it were not made yet; return a function that ends it. */
async function withholdAnalysis(page: Page): Promise<() => void> {
  let isMade = false;
  await page.route("**/v1/items/*/artifacts*", async (route) => {
    const response = await route.fetch();
    const body = (await response.json()) as { items: { kind: string }[] };
    const items = body.items.filter(({ kind }) => isMade || kind !== "analysis");
    await route.fulfill({ response, json: { ...body, items } });
  });
  return () => {
    isMade = true;
  };
}

async function rename(page: Page, name: string): Promise<void> {
  await page.keyboard.press("e");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name }).waitFor();
}

function playhead(page: Page): Promise<number> {
  return page
    .getByRole("slider", { name: "Playhead" })
    .evaluate((line) => Number(line.getAttribute("aria-valuenow")));
}

test("a track is heard, mixed, looped and renamed", { timeout: 600_000 }, async () => {
  const { page, errors } = await openPage(browser);
  const release = await withholdAnalysis(page);
  await openTrack(page);

  // An analysis arrives while one works on the stems: the track stays as it is.
  await page.keyboard.press("2");
  release();
  await rename(page, "Dawn");
  await page.getByRole("list", { name: "Chords" }).waitFor(SEPARATED_WITHIN);

  // Heard: the playhead moves by audio time, and the meters of the stems move.
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  await expect.poll(() => playhead(page), { timeout: 20_000 }).toBeGreaterThan(0.5);
  const loudest = (): Promise<number> =>
    page.evaluate(() =>
      Math.max(
        ...[...document.querySelectorAll<HTMLElement>(".mixer .strip-meter i")].map((bar) =>
          parseFloat(bar.style.getPropertyValue("--level") || "0"),
        ),
      ),
    );
  await expect.poll(loudest, { timeout: 10_000 }).toBeGreaterThan(20);

  // Mixed by keyboard; the address is the state.
  await page.keyboard.press("m");
  await page.waitForURL(/mute=vocals/);
  await page.keyboard.press("s");
  await page.waitForURL(/solo=vocals/);
  await page.keyboard.press("Alt+s");
  await page.waitForURL((url) => !url.search.includes("solo="));
  await page.keyboard.press("o");
  await page.waitForURL(/hear=original/);

  // Looped, by keyboard and by pointer.
  await page.keyboard.press("Home");
  await page.keyboard.press("a");
  await page.waitForURL(/loop=1-2/);
  await page.keyboard.press("\\");
  await page.waitForURL((url) => !url.search.includes("loop="));
  const ruler = page.locator(".track .ruler");
  const box = await ruler.boundingBox();
  if (!box) throw new Error("there is no ruler");
  await page.mouse.move(box.x + 4, box.y + 14);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 14, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/loop=/);
  await page.mouse.click(box.x + box.width * 0.9, box.y + 14);
  await page.keyboard.press("Space");

  // A reload shows the same.
  await page.reload();
  await page.getByRole("region", { name: "Vocals" }).waitFor();
  expect(
    await page.getByRole("button", { name: "Mute Vocals" }).first().getAttribute("aria-pressed"),
  ).toBe("true");
  expect(page.url()).toMatch(/loop=/);

  // Renamed, and undone.
  await rename(page, "Morning");
  await page.keyboard.press("Control+z");
  await page.getByRole("heading", { name: "Dawn" }).waitFor();

  for (const [selector, side, pixels] of SIZES) {
    const part = page.locator(`.track ${selector}, .track${selector}`).first();
    const off = async (): Promise<number> =>
      Math.abs(((await part.boundingBox())?.[side] ?? 0) - pixels);
    await expect.poll(off, { message: selector }).toBeLessThanOrEqual(2);
  }
  for (const [width, height] of [
    [1440, 900],
    [1024, 768],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.screenshot({ path: `test-results/track-${width}.png` });
    expect(await seriousFindings(page)).toEqual([]);
  }
  await page.evaluate(() => {
    document.documentElement.dataset["theme"] = "light";
  });
  await page.setViewportSize({ width: 1440, height: 900 });
  expect(await seriousFindings(page)).toEqual([]);
  expect(errors).toEqual([]);
});
