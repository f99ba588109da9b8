/** The Crate on a real server with real sounds: by keyboard alone, and by pointer. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { nextChooser, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings, type WatchedPage } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";

const NAMES = [
  ...["Dusty kick", "Felt kick", "Oak kick", "Tape rim", "Paper hat", "Glass bell"],
  ...["Ghost snare", "Gym clap", "Sub tone", "Table keys", "Low tom", "Ping"],
];

const { server, browser } = setUpFlow();

/** Sign up, upload the sounds and open the Crate when it lists them all. */
async function openCrate(email: string, theme: "dark" | "light"): Promise<WatchedPage> {
  const opened = await openPage(browser, { theme });
  const { page } = opened;
  await signUpByKeyboard(page, server.url, email);
  await page.getByRole("heading", { name: "Drop a song" }).waitFor();
  const chooser = await nextChooser(page);
  await page.getByRole("button", { name: "Choose files" }).focus();
  await page.keyboard.press("Enter");
  const files = NAMES.map((name, index) => ({
    name: `${name}.wav`,
    mimeType: "audio/wav",
    buffer: wavFile(hitSamples(0.2 + 0.05 * index, 90 + 40 * index + email.length)),
  }));
  await (await chooser.opened).setFiles(files);
  await page.getByRole("heading", { name: "Activity" }).waitFor();
  // Until the first sound has arrived, the Crate leads back to Activity.
  const list = page.locator(".crate-viewport");
  for (let turn = 0; turn < 60 && !(await list.isVisible()); turn += 1) {
    await page.keyboard.press("g");
    await page.keyboard.press("c");
    await page.waitForTimeout(1000);
  }
  const all = `.crate-viewport[aria-rowcount="${NAMES.length + 1}"]`;
  await page.locator(all).waitFor({ timeout: 60_000 });
  // Where people land, the box searches as they type.
  await page.goto(`${server.url}/`);
  await page.locator(all).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("tape rim");
  await page.locator(`.crate-viewport[aria-rowcount="2"]`).waitFor();
  await page.goto(`${server.url}/crate?sort=name`);
  await page.locator(all).waitFor();
  return opened;
}

async function untilCurrent(page: Page, name: string): Promise<void> {
  await page.locator(".crate-row.current .cell-name", { hasText: name }).waitFor();
}

function playing(page: Page, name: string): Promise<void> {
  return page.locator(".now-playing", { hasText: name }).waitFor();
}

test("with the keyboard alone", async () => {
  const { page, errors } = await openCrate("crate-keys@example.org", "dark");
  await untilCurrent(page, "Dusty kick");

  // The arrows move and play; the address follows, and a reload comes back to it.
  await page.keyboard.press("ArrowDown");
  await untilCurrent(page, "Felt kick");
  await playing(page, "Felt kick");
  await page.keyboard.press("End");
  await untilCurrent(page, "Tape rim");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await page.waitForURL(/row=1(?!\d)/);
  await page.reload();
  await untilCurrent(page, "Felt kick");

  // Enter fills the tray; pad mode plays it by the keyboard's position.
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /Felt kick.*on pad.*Z/ }).waitFor();
  await page.keyboard.press("ArrowDown");
  await untilCurrent(page, "Ghost snare");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /Ghost snare.*on pad.*X/ }).waitFor();
  await page.keyboard.press("k");
  await page.keyboard.press("z");
  await playing(page, "Felt kick");
  await page.keyboard.press("x");
  await playing(page, "Ghost snare");
  await page.keyboard.press("k");

  // A favourite and a rating at once, a tag by its dialog; undo takes them back one by one.
  await page.keyboard.press("f");
  await page.locator(".inspector [aria-label=Favourite][aria-pressed=true]").waitFor();
  await page.keyboard.press("Alt+4");
  await page.getByRole("group", { name: "Rating: 4 of 5" }).waitFor();
  await page.keyboard.press("t");
  await page.getByRole("dialog", { name: "Tag this sound" }).waitFor();
  await page.keyboard.type("dusty");
  await page.keyboard.press("Enter");
  await page.locator(".sound-tags .chip", { hasText: "dusty" }).waitFor();
  await page.locator(".facet-row", { hasText: "dusty" }).waitFor();
  await page.keyboard.press("Control+z");
  await page.locator(".sound-tags .chip:not(.add)").waitFor({ state: "detached" });
  await page.keyboard.press("Control+z");
  await page.getByRole("group", { name: "Rating: none" }).waitFor();

  // Many at once: a selection with Shift, tagged, then undone by the toast's button.
  await page.keyboard.press("Home");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  await page.getByText("3 selected").waitFor();
  await page.keyboard.press("t");
  await page.getByRole("dialog", { name: "Tag 3 sounds" }).waitFor();
  await page.keyboard.type("vinyl");
  await page.keyboard.press("Enter");
  await page.getByText("Tag vinyl added (3 sounds).").waitFor();
  await page.locator(".facet-row", { hasText: "vinyl" }).getByText("3").waitFor();

  // A new collection takes the selection and filters the list.
  await page.keyboard.press("c");
  await page.getByRole("dialog", { name: "Add 3 sounds to a collection" }).waitFor();
  await page.keyboard.type("Night bus");
  await page.keyboard.press("Enter");
  const collection = page.locator(".collection", { hasText: "Night bus" });
  await collection.getByText("3", { exact: true }).waitFor();
  await collection.locator(".facet-row").focus();
  await page.keyboard.press("Enter");
  await page.locator('.crate-viewport[aria-rowcount="4"]').waitFor();
  expect(new URL(page.url()).searchParams.get("in")).not.toBeNull();
  expect(await seriousFindings(page)).toEqual([]);
  await page.goBack();
  await page.locator(`.crate-viewport[aria-rowcount="${NAMES.length + 1}"]`).waitFor();

  // A search without a result says what is left without each filter.
  await page.keyboard.press("/");
  await page.keyboard.type("zither tag:vinyl");
  await page.getByText("No sound is found by").waitFor();
  await page.getByText("Any name").waitFor();
  expect(errors.filter(unexpected)).toEqual([]);
});

test("by pointer", async () => {
  const { page, errors } = await openCrate("crate-pointer@example.org", "light");
  const row = (name: string) => page.locator(".crate-row", { hasText: name });

  await row("Gym clap").click();
  await playing(page, "Gym clap");
  await page.locator(".inspector h2", { hasText: "Gym clap" }).waitFor();
  await row("Oak kick").click({ modifiers: ["Shift"] });
  await page.getByText(/selected/).waitFor();
  await row("Low tom").click({ modifiers: ["Control"] });
  expect(await page.locator(".crate-row.selected").count()).toBeGreaterThan(1);
  await page.getByRole("button", { name: "Clear selection" }).click();

  // The star of a row, and a search by favourite.
  await row("Ping").hover();
  await row("Ping").getByRole("button", { name: "Favourite" }).click();
  await page.getByRole("button", { name: "Favourites 1" }).click();
  await page.locator('.crate-viewport[aria-rowcount="2"]').waitFor();
  await untilCurrent(page, "Ping");
  await page.getByRole("button", { name: "Remove Favourites" }).click();
  await page.locator(`.crate-viewport[aria-rowcount="${NAMES.length + 1}"]`).waitFor();

  // What is like the favourite is recommended; one is dismissed, and taken back.
  await page.getByRole("button", { name: "Recommended for you" }).click();
  const dialog = page.getByRole("dialog", { name: "Recommended for you" });
  const recommended = dialog.getByRole("list", { name: "Recommended sounds" });
  const rows = recommended.getByRole("listitem");
  await rows.first().getByText("like Ping, a favourite").waitFor({ timeout: 60_000 });
  const name = (await rows.first().locator(".ellipsis").first().textContent()) ?? "";
  expect(await seriousFindings(page)).toEqual([]);
  await page.screenshot({ path: "test-results/recommended.png" });
  await dialog.getByRole("button", { name: `Dismiss ${name}` }).click();
  await recommended.getByText(name, { exact: true }).waitFor({ state: "detached" });
  await dialog.getByRole("button", { name: "Dismissed", exact: true }).click();
  await dialog.getByRole("button", { name: `Take ${name} back` }).click();
  await dialog.getByText("You dismissed nothing.").waitFor();
  await dialog.getByRole("button", { name: "Recommended", exact: true }).click();
  await recommended.getByText(name, { exact: true }).waitFor({ timeout: 60_000 });
  await page.keyboard.press("Escape");

  // A row is dragged onto a pad, and onto a collection.
  await row("Glass bell").dragTo(page.locator(".pad").nth(4));
  await page.getByRole("button", { name: /Glass bell.*on pad.*A/ }).waitFor();
  await page.getByRole("button", { name: "New collection" }).click();
  await page.keyboard.type("Bells");
  await page.keyboard.press("Enter");
  const bells = page.locator(".collection", { hasText: "Bells" });
  await row("Glass bell").dragTo(bells);
  await bells.getByText("1", { exact: true }).waitFor();
  await bells.locator(".facet-row").click();
  await page.locator('.crate-viewport[aria-rowcount="2"]').waitFor();
  await page.getByRole("button", { name: "Rename Bells" }).click();
  await page.getByLabel("Name of Bells").fill("Glass");
  await page.keyboard.press("Enter");
  await page.locator(".collection", { hasText: "Glass" }).waitFor();
  await page.getByRole("button", { name: "Remove In Glass" }).click();

  // A range that is typed narrows the list, and its chip takes it back.
  await page.getByLabel("Length to, s").fill("0.3");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove Up to 0.3 s" }).waitFor();
  await page.locator('.crate-viewport[aria-rowcount="4"]').waitFor();
  await page.getByRole("button", { name: "Remove Up to 0.3 s" }).click();

  // The file is saved under the sound's name.
  await row("Table keys").click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "WAV" }).click();
  expect((await download).suggestedFilename()).toBe("Table keys.wav");

  // A sound is hidden, and undo brings it back.
  await page.keyboard.press("d");
  await page.locator(`.crate-viewport[aria-rowcount="${NAMES.length}"]`).waitFor();
  await page.getByText("Table keys hidden.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.locator(`.crate-viewport[aria-rowcount="${NAMES.length + 1}"]`).waitFor();

  // A search is saved under a name, opened from its row, and deleted.
  await page.getByLabel("Length to, s").fill("0.3");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Save search" }).click();
  await page.getByLabel("Name of Up to 0.3 s").fill("Short ones");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove Up to 0.3 s" }).click();
  await page.getByRole("button", { name: "Short ones 3" }).click();
  await page.locator('.crate-viewport[aria-rowcount="4"]').waitFor();
  await page.getByRole("button", { name: "Delete Short ones" }).click();
  await page.getByText("Short ones deleted.").waitFor();
  await page.getByRole("button", { name: "Remove Up to 0.3 s" }).click();

  expect(await seriousFindings(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByRole("button", { name: /^Show 12 sounds/ }).click();
  expect(await seriousFindings(page)).toEqual([]);
  expect(errors.filter(unexpected)).toEqual([]);
});

/** A refused refresh before the first sign-in is an answer, not a fault of the page. */
function unexpected(error: string): boolean {
  return !error.includes("/v1/sessions/refresh");
}
