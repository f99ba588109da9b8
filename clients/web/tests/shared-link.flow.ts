/** A collection shared by a link: made and revoked by its owner, heard by a stranger without an account. */
import { expect, test } from "vitest";
import { addSounds, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";

const { server, browser } = setUpFlow();

test("a stranger hears a shared collection by keyboard and by pointer, until it is revoked", async () => {
  const owner = await openPage(browser, { theme: "dark" });
  await signUpByKeyboard(owner.page, server.url, "sharing@example.org");
  const names = ["Felt kick", "Gym clap", "Paper hat"];
  const files = names.map((name, index) => ({
    name: `${name}.wav`,
    bytes: wavFile(hitSamples(0.3 + 0.1 * index, 110 + 70 * index)),
  }));
  await addSounds(owner.page, server.url, files);
  const { page } = owner;
  await page.locator(".crate-row.current .cell-name").waitFor();
  await page.keyboard.press("Control+a");
  await page.getByText("3 selected").waitFor();
  await page.keyboard.press("c");
  await page.getByRole("dialog", { name: "Add 3 sounds to a collection" }).waitFor();
  await page.keyboard.type("Night bus");
  await page.keyboard.press("Enter");
  const collection = page.locator(".collection", { hasText: "Night bus" });
  await collection.getByText("3", { exact: true }).waitFor();
  await collection.locator(".facet-row").click();

  await page.getByRole("button", { name: "Share Night bus" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Share Night bus" });
  await dialog.getByRole("button", { name: "Copy link" }).focus();
  await page.keyboard.press("Enter");
  const listening = await dialog.getByLabel("Address of the link").inputValue();
  expect(listening.startsWith(`${server.url}/shared/link_`)).toBe(true);
  await dialog.getByText(/^Listen, made/).waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.screenshot({ path: "test-results/sharing-dialog.png" });

  const stranger = await openPage(browser, { theme: "light" });
  const there = stranger.page;
  await there.goto(listening);
  await there.getByRole("heading", { name: "Night bus" }).waitFor();
  await there.getByText(/^3 sounds, to hear\./).waitFor();
  const rows = there.getByRole("list", { name: "Sounds" }).getByRole("listitem");
  await rows.nth(2).waitFor();
  expect(await rows.locator(".shared-name").allTextContents()).toEqual(names);
  const playing = (name: string): Promise<void> =>
    there.locator(".now-playing", { hasText: name }).waitFor();
  await there.keyboard.press("ArrowDown");
  await playing("Felt kick");
  await there.keyboard.press("ArrowDown");
  await playing("Gym clap");
  await there.keyboard.press("ArrowUp");
  await playing("Felt kick");
  await rows.nth(2).getByRole("button", { name: "Play Paper hat" }).click();
  await playing("Paper hat");
  await there.locator(".transport-middle").getByText(/500/).waitFor();
  expect(await there.getByRole("button", { name: /^Download/ }).count()).toBe(0);
  expect(await seriousFindings(there)).toEqual([]);
  await there.screenshot({ path: "test-results/shared-link.png" });
  await there.setViewportSize({ width: 390, height: 844 });
  expect(await there.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await there.screenshot({ path: "test-results/shared-link-phone.png" });
  await there.setViewportSize({ width: 1280, height: 800 });

  // A link that allows it has a button for each file.
  await dialog.getByRole("button", { name: "Listen and download" }).click();
  await dialog.getByRole("button", { name: "Copy link" }).click();
  const links = dialog.getByRole("list", { name: "Links that work" }).getByRole("listitem");
  await links.nth(1).waitFor();
  await there.goto(await dialog.getByLabel("Address of the link").inputValue());
  const download = there.waitForEvent("download");
  await rows.nth(1).getByRole("button", { name: "Download Gym clap" }).click();
  expect((await download).suggestedFilename()).toBe("Gym clap.wav");

  // What is revoked says so, and nothing else.
  await links.filter({ hasText: "Listen, made" }).getByRole("button", { name: "Revoke" }).click();
  await links.nth(1).waitFor({ state: "detached" });
  expect(stranger.errors).toEqual([]);
  await there.goto(listening);
  await there.getByRole("heading", { name: "This link has ended" }).waitFor();
  expect(owner.errors).toEqual([]);
});
