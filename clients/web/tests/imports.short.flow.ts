/** Imports on a real server: a link that is refused, a pack that is dropped, a file that is none. */
import { expect, test } from "vitest";
import { dropFiles, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";
import { zipFile } from "./support/zip";

const IMPORTED_WITHIN = { timeout: 120_000 };

const { server, browser } = setUpFlow();

test("a link says what it is, and a pack what became of its files", async () => {
  const { page, errors } = await openPage(browser);
  await signUpByKeyboard(page, server.url, "imports@example.org");
  await page.getByRole("heading", { name: "Drop a song" }).waitFor();

  await page.keyboard.press("Shift+U");
  const dialog = page.getByRole("dialog", { name: "Import from a link" });
  const link = dialog.getByLabel("Link");
  await link.fill("http://example.org/kick.wav");
  await dialog.getByText("Only https:// addresses are read.").waitFor();
  expect(await dialog.getByRole("button", { name: "Import" }).isDisabled()).toBe(true);
  await link.fill("https://example.org/feed.xml");
  await dialog
    .getByRole("option", { name: /^The episodes of a podcast/ })
    .first()
    .waitFor({ state: "attached" });
  await dialog.getByLabel("At most so many files").waitFor();
  await link.fill("https://freesound.org/people/ann/sounds/7/");
  await dialog.getByLabel("Your API key there").waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  const pack = zipFile([
    { name: "Dusty Drums/Kicks/deep.wav", bytes: wavFile(hitSamples(0.4, 60)) },
    { name: "Dusty Drums/Kicks/broken.wav", bytes: Buffer.from("no sound at all") },
    { name: "Dusty Drums/readme.txt", bytes: Buffer.from("Thank you.") },
  ]);
  await dropFiles(page, [{ name: "Dusty Drums.zip", bytes: pack }], async () => {
    await page.getByText("ZIP archives are imported as packs.").waitFor();
  });
  const imports = page.getByRole("region", { name: "Imports" });
  const row = imports.getByRole("listitem").filter({ hasText: "Dusty Drums" }).first();
  await row.getByText("1 added, 1 refused, 1 no sound").waitFor(IMPORTED_WITHIN);
  await row.getByRole("button", { name: "Why 1 refused" }).click();
  await row.getByText("broken.wav:").waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.screenshot({ path: "test-results/imports.png" });

  await dropFiles(page, [{ name: "notes.zip", bytes: Buffer.from("Dear diary, ") }], () =>
    Promise.resolve(),
  );
  await imports.getByText(/no ZIP archive|not a ZIP/i).waitFor(IMPORTED_WITHIN);

  await row.getByRole("link", { name: "Open" }).click();
  await page.waitForURL(/\/crate\?in=/);
  // A refused file is listed with its reason, so that it can be deleted or replaced.
  await page.locator('.crate-viewport[aria-rowcount="3"]').waitFor(IMPORTED_WITHIN);
  await page.getByText(/^Not taken: /).waitFor();
  expect(errors).toEqual([]);
});
