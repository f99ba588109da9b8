/** Bars, panes and rows have the sizes of the design, and colors are the theme's. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { dropFiles, signUpByKeyboard, waitForRow } from "./support/account";
import { openPage } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";

/** Allowed difference in pixels. */
const TOLERANCE = 2;

const { server, browser } = setUpFlow();

async function box(page: Page, selector: string) {
  const measured = await page.locator(selector).first().boundingBox();
  if (!measured) throw new Error(`${selector} is not shown`);
  return measured;
}

function expectSize(actual: number, wanted: number, what: string): void {
  expect(Math.abs(actual - wanted), `${what}: ${actual} instead of ${wanted}`).toBeLessThanOrEqual(
    TOLERANCE,
  );
}

test("three widths and two themes", async () => {
  const { page, errors } = await openPage(browser);
  await signUpByKeyboard(page, server.url, "measures@example.org");
  const bytes = wavFile(hitSamples(0.3, 200));
  await dropFiles(page, [{ name: "hit.wav", bytes }], () => Promise.resolve());
  await waitForRow(page, "hit", "Sample");

  expectSize((await box(page, ".top")).height, 44, "top bar");
  expectSize((await box(page, ".transport")).height, 60, "transport");
  expectSize((await box(page, ".omni")).width, 480, "search");
  expectSize((await box(page, ".play")).width, 36, "play");
  expectSize((await box(page, ".detail")).width, 356, "detail");
  expectSize((await box(page, ".matrix-row:not(.matrix-head)")).height, 52, "row of the matrix");

  await page.setViewportSize({ width: 390, height: 844 });
  expectSize((await box(page, ".top")).height, 52, "top bar, phone");
  expectSize((await box(page, ".transport")).height, 56, "mini player");
  expectSize((await box(page, ".tabs")).height, 56, "tab bar");
  expectSize((await box(page, ".play")).width, 44, "play, phone");
  expectSize((await box(page, ".matrix-row:not(.matrix-head)")).height, 72, "row, phone");
  // Each place is loaded again: the server answers that the page has not changed.
  for (const width of [390, 360, 320]) {
    await page.setViewportSize({ width, height: 844 });
    for (const place of ["activity", "tracks", "settings/account"]) {
      await page.goto(`${server.url}/${place}`);
      await page.locator("main h1").waitFor();
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `${place} at ${width}`).toBeLessThanOrEqual(0);
    }
  }

  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(`${server.url}/settings/appearance`);
  await page.getByRole("heading", { name: "Appearance" }).waitFor();
  const colors = () =>
    page.evaluate(() => {
      const of = (selector: string) => {
        const element = document.querySelector(selector);
        return element ? getComputedStyle(element).backgroundColor : "";
      };
      return { page: of("body"), bar: of(".top"), play: of(".play") };
    });
  expect(await colors()).toEqual({
    page: "rgb(15, 15, 14)",
    bar: "rgb(22, 22, 20)",
    play: "rgb(242, 240, 234)",
  });
  await page.getByRole("button", { name: "Light" }).click();
  expect(await colors()).toEqual({
    page: "rgb(239, 237, 230)",
    bar: "rgb(248, 247, 242)",
    play: "rgb(27, 26, 23)",
  });
  // The choice outlasts a reload, from the first paint on.
  await page.reload({ waitUntil: "commit" });
  await page.waitForFunction(() => document.documentElement.dataset["theme"] === "light");
  expect(errors).toEqual([]);
});
