/** Map on a real server: laid out by itself, played, chosen from, by keyboard and by pointer. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { addSounds, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { boomsAndTicks } from "./support/sounds";

const COUNT = 12;
/** Tagging of all sounds and the layout on a busy machine of two cores. */
const LAID_OUT_WITHIN = { timeout: 240_000 };

const { server, browser } = setUpFlow();

/** Return where the current sound is drawn, in pixels of the page, once the map has stopped moving. */
async function ring(page: Page): Promise<readonly [number, number]> {
  return page.evaluate(async () => {
    const middle = (): readonly [number, number] => {
      const box = document.querySelector(".map-ring:not([hidden]) .outer")?.getBoundingClientRect();
      return box ? [box.x + box.width / 2, box.y + box.height / 2] : [NaN, NaN];
    };
    for (let still = 0, before = middle(); ;) {
      await new Promise(requestAnimationFrame);
      const now = middle();
      still = now[0] === before[0] && now[1] === before[1] ? still + 1 : 0;
      // The map draws in the frame after a change.
      if (still === 2) return now;
      before = now;
    }
  });
}

test("a map is laid out, played and chosen from", { timeout: 600_000 }, async () => {
  const { page, errors } = await openPage(browser);
  await signUpByKeyboard(page, server.url, "map@example.org");
  await addSounds(page, server.url, boomsAndTicks(COUNT));

  // The first visit asks for a map; it appears by itself, and sounds that come later join it.
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.getByRole("img", { name: /^Map of/ }).waitFor(LAID_OUT_WITHIN);
  await page.getByRole("heading", { name: `${COUNT} in view` }).waitFor(LAID_OUT_WITHIN);
  expect(new URL(page.url()).pathname).toBe("/map/everything");
  expect(await seriousFindings(page)).toEqual([]);

  // The list by keyboard: it plays, the ring follows, and the address keeps the place.
  const rows = page.getByRole("listbox", { name: "Sounds of the map" });
  await rows
    .getByRole("option")
    .first()
    .getByText(/Boom|Tick/)
    .waitFor();
  await page.keyboard.press("ArrowDown");
  const first = await rows.locator("[aria-selected=true] .ellipsis").first().innerText();
  await page.locator(".now-playing", { hasText: first }).waitFor();
  await page.waitForURL(/at=/);

  // Pointing at a sound shows its name and makes no sound; a click plays it.
  const [x, y] = await ring(page);
  await page.keyboard.press("ArrowDown");
  const second = await rows.locator("[aria-selected=true] .ellipsis").first().innerText();
  await page.locator(".now-playing", { hasText: second }).waitFor();
  await page.mouse.move(x, y);
  await page.locator(".map-tip").getByText(first).waitFor();
  await page.locator(".now-playing", { hasText: second }).waitFor();
  await page.mouse.click(x, y);
  await page.locator(".now-playing", { hasText: first }).waitFor();

  // Strumming: a drag with Alt held plays what it passes.
  await page.keyboard.press("End");
  const far = await rows.locator("[aria-selected=true] .ellipsis").first().innerText();
  await page.locator(".now-playing", { hasText: far }).waitFor();
  const [farX, farY] = await ring(page);
  await page.keyboard.press("Home");
  await page.locator(".now-playing", { hasText: first }).waitFor();
  await page.mouse.move(farX - 60, farY - 1);
  await page.keyboard.down("Alt");
  await page.mouse.down();
  await page.mouse.move(farX, farY, { steps: 6 });
  await page.locator(".now-playing", { hasText: far }).waitFor();
  await page.mouse.up();
  await page.keyboard.up("Alt");

  // A lasso with Shift held around the first sound; reload and back keep and undo it.
  await page.keyboard.down("Shift");
  await page.mouse.move(x - 30, y - 30);
  await page.mouse.down();
  for (const [dx, dy] of [
    [30, -30],
    [30, 30],
    [-30, 30],
    [-30, -28],
  ] as const) {
    await page.mouse.move(x + dx, y + dy, { steps: 4 });
  }
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await page.getByRole("button", { name: "Make collection" }).waitFor();
  await page.waitForURL(/lasso=/);
  await page.reload();
  await page.getByRole("button", { name: "Make collection" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: `${COUNT} in view` }).waitFor();

  // All in view become a collection, and the first of them go to the tray.
  await page.keyboard.press("Control+a");
  await page.getByRole("heading", { name: `${COUNT} sounds` }).waitFor();
  await page.keyboard.press("c");
  await page.getByRole("dialog", { name: `Add ${COUNT} sounds to a collection` }).waitFor();
  await page.keyboard.type("Night bus");
  await page.keyboard.press("Enter");
  await page.getByText(`${COUNT} sounds in Night bus.`).waitFor();
  await page.keyboard.press("Enter");
  await page.getByText(`${COUNT} of 16`).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: `${COUNT} in view` }).waitFor();

  // A map of the collection is another map; forgotten, it is undone by its button.
  await page.getByLabel("Lay out a map of a collection").selectOption({ label: "Night bus" });
  await page.waitForURL(/map\/Night%20bus/);
  await page.getByRole("img", { name: /^Map of/ }).waitFor(LAID_OUT_WITHIN);
  await page.getByRole("button", { name: "Forget" }).click();
  await page.getByText("Map Night bus forgotten.").waitFor();
  await page.waitForURL(/map\/everything/);

  await page.goto(`${server.url}/map/nothing`);
  await page.getByText("No map is called “nothing”.").waitFor();

  // A phone shows picture and list, one above the other.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${server.url}/map`);
  await page.getByRole("img", { name: /^Map of/ }).waitFor();
  await page.getByRole("button", { name: "Larger list" }).click();
  await rows.getByRole("option").first().click();
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBeLessThanOrEqual(0);
  expect(await seriousFindings(page)).toEqual([]);
  expect(errors).toEqual([]);
});
