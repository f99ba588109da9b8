/** Search by a dropped file, and dials beside similar sounds, on a real server. */
import { mkdirSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addSounds, dropFiles, signUpByKeyboard } from "./support/account";
import { openBrowser, openPage, seriousFindings } from "./support/browser";
import { startServer, type Server } from "./support/server";
import { hitSamples, noiseSamples, wavFile } from "./support/sounds";

const FOLDER = "test-results/sounds-like";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  [server, browser] = await Promise.all([startServer(), openBrowser()]);
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

test("a dropped file finds what sounds like it, and dials change the neighbours", async () => {
  const { page, errors } = await openPage(browser, { theme: "dark" });
  await signUpByKeyboard(page, server.url, "sounds-like@example.org");
  await addSounds(page, server.url, [
    { name: "Low kick.wav", bytes: wavFile(hitSamples(0.3, 60)) },
    { name: "High kick.wav", bytes: wavFile(hitSamples(0.3, 240)) },
    { name: "Hiss.wav", bytes: wavFile(noiseSamples(0.2, 0, 3)) },
  ]);
  await page.goto(`${server.url}/crate`);
  await page.locator('.crate-viewport[aria-rowcount="4"]').waitFor();
  await page.locator(".cell-class .dot:not(.hidden)").nth(2).waitFor();

  // Over the search box the files are not added; the list is ordered by likeness.
  const file = { name: "kick.wav", bytes: wavFile(hitSamples(0.3, 63)) };
  const note = page.getByText("Drop here to find what sounds like it");
  const onVeil = async (): Promise<void> => {
    await note.waitFor();
    await page.screenshot({ path: `${FOLDER}/drop.png` });
  };
  await dropFiles(page, [file], onVeil, ".omni");
  await page.locator(".chip", { hasText: "Sounds like kick.wav" }).waitFor({ timeout: 120_000 });
  const names = page.locator(".crate-row .cell-name");
  await expect.poll(() => names.first().textContent()).toBe("Low kick");
  const shares = await page.locator(".crate-row .cell-distance").allTextContents();
  const numbers = shares.map(Number);
  expect(numbers).toHaveLength(3);
  expect(numbers).toEqual([...numbers].sort((one, other) => other - one));
  await page.reload();
  await page.locator(".chip", { hasText: "Sounds like kick.wav" }).waitFor();
  await page.screenshot({ path: `${FOLDER}/dark.png` });

  // The dials have keys as every slider has; the order of the neighbours follows them.
  await page.locator(".crate-row", { hasText: "Low kick" }).click();
  const pitch = page.getByRole("slider", { name: "Pitch" });
  await pitch.focus();
  await page.keyboard.press("End");
  await page.locator(".dial", { hasText: "Pitch" }).getByText("1", { exact: true }).waitFor();
  await page.locator(".similar").nth(1).waitFor();
  await page.getByRole("slider", { name: "Timbre" }).fill("0");
  await pitch.fill("0");
  await page.getByText("Turn a dial up to compare sounds.").waitFor();
  await pitch.dblclick();
  await page.getByRole("slider", { name: "Timbre" }).dblclick();
  await page.locator(".similar").nth(1).waitFor();

  // The file became no sound of the crate.
  await page.getByRole("button", { name: "Remove Sounds like kick.wav" }).click();
  await page.locator('.crate-viewport[aria-rowcount="4"]').waitFor();
  await expect.poll(() => seriousFindings(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: "light" });
  await page.evaluate(() => document.documentElement.setAttribute("data-theme", "light"));
  await page.screenshot({ path: `${FOLDER}/light.png` });
  expect(errors).toEqual([]);
});
