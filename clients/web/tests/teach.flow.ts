/** Teach on a real server: examples, questions, threshold, proposals and versions. */
import { expect, test } from "vitest";
import { addSounds, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { boomsAndTicks } from "./support/sounds";

const COUNT = 16;
/** Tagging of all sounds on a busy machine of two cores. */
const LEARNT_WITHIN = { timeout: 240_000 };

const { server, browser } = setUpFlow();

test("a tag is taught and proposes sounds", { timeout: 600_000 }, async () => {
  const { page, errors } = await openPage(browser, { theme: "light" });
  await signUpByKeyboard(page, server.url, "teach@example.org");
  await addSounds(page, server.url, boomsAndTicks(COUNT));

  // Five examples from a selection in the Crate.
  await page.locator(".crate-row.current", { hasText: "Boom 1" }).waitFor();
  for (let step = 0; step < 4; step += 1) await page.keyboard.press("Shift+ArrowDown");
  await page.getByText("5 selected").waitFor();
  await page.keyboard.press("Shift+T");
  await page.getByRole("dialog", { name: "Teach a tag with 5 sounds" }).waitFor();
  await page.keyboard.type("deep");
  await page.keyboard.press("Enter");
  await page.getByText("5 examples of deep.").waitFor();
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("heading", { name: "Is it deep?" }).waitFor();
  await page.getByRole("link", { name: /deep 5 yes, 0 no/ }).waitFor();

  // It has learnt once the sounds have been listened to. Answers lead on and play the next.
  await page.getByText("What it would tag").waitFor();
  await page.getByRole("slider", { name: "Threshold" }).waitFor(LEARNT_WITHIN);
  const now = page.locator(".question.now .question-name .ellipsis").first();
  await now.waitFor();
  const name = await now.innerText();
  await page.keyboard.press(name.startsWith("Boom") ? "y" : "n");
  await page.getByText(/1 of \d+ answered/).waitFor();
  await expect.poll(() => now.innerText()).not.toBe(name);
  await page.locator(".now-playing", { hasText: await now.innerText() }).waitFor();
  await page.keyboard.press("s");
  await page.getByText(/2 of \d+ answered/).waitFor();
  await page.keyboard.press("Control+z");
  await page.getByText(/1 of \d+ answered/).waitFor();
  expect(await seriousFindings(page)).toEqual([]);

  // The rest of the round, each answer as it is. It has ten questions, or fewer if fewer sounds
  // have been described yet.
  const questions = await page.locator(".question").count();
  for (;;) {
    const open = page.locator(".question.now:not(.done) .question-name .ellipsis").first();
    if ((await open.count()) === 0) break;
    const before = await page.locator(".question.done").count();
    await page.keyboard.press((await open.innerText()).startsWith("Boom") ? "y" : "n");
    await expect.poll(() => page.locator(".question.done").count()).toBeGreaterThan(before);
  }
  await page.getByRole("button", { name: /Ten more/ }).waitFor();

  const answered = async (): Promise<number> => {
    const text = await page.getByRole("link", { name: /^deep / }).innerText();
    return [...text.matchAll(/(\d+) (?:yes|no)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
  };
  await expect.poll(answered, { timeout: 120_000 }).toBe(5 + questions);

  // Versions: back to the one before, and undone.
  const back = page.getByRole("button", { name: /^Go back to version/ }).first();
  const version = (await back.getAttribute("aria-label"))?.replace(/\D/g, "") ?? "";
  await back.click();
  await page.getByText(`deep is back at version ${version}.`).waitFor();
  await page.locator(".version.now", { hasText: `v${version}` }).waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: `Go back to version ${version}`, exact: true }).waitFor();

  // The threshold at the left proposes all that is left; they are confirmed at once, and not again.
  const threshold = page.getByRole("slider", { name: "Threshold" });
  await threshold.focus();
  await page.keyboard.press("Home");
  await page.getByRole("button", { name: /^Propose to/ }).click();
  await page.getByText("deep is proposed from .00 on.").waitFor();
  await page.keyboard.press("Control+z");
  await page.getByText(/^Undone: deep is proposed/).waitFor();

  // A phone: the buttons at the thumb, no sideways scroll.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole("button", { name: "Effect" }).click();
  await page.getByRole("slider", { name: "Threshold" }).waitFor();
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBeLessThanOrEqual(0);
  expect(await seriousFindings(page)).toEqual([]);
  await page.setViewportSize({ width: 1440, height: 900 });

  // A tag that is given by hand can be taught from its facet.
  await page.goto(`${server.url}/crate?tag=deep`);
  await page.getByRole("link", { name: "Teach deep" }).click();
  await page.getByRole("heading", { name: "Is it deep?" }).waitFor();
  expect(errors).toEqual([]);
});
