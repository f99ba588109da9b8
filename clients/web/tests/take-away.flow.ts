/** Sounds and bundles are taken away: from a selection, a collection, the tray and a track. */
import { readFileSync } from "node:fs";
import type { Download, Page } from "playwright-core";
import { expect, test } from "vitest";
import { dropFiles, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";

const NAMES = ["Dusty kick", "Felt kick", "Oak kick"];
const WAV_HEAD = 44;

const { server, browser } = setUpFlow();

function sound(index: number): Buffer {
  return wavFile(hitSamples(0.2 + 0.05 * index, 90 + 40 * index));
}

async function openCrate(page: Page): Promise<void> {
  await signUpByKeyboard(page, server.url, "away@example.org");
  const files = NAMES.map((name, index) => ({ name: `${name}.wav`, bytes: sound(index) }));
  await dropFiles(page, files, () => Promise.resolve());
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
  await page.goto(`${server.url}/crate?sort=name`);
  await page.locator(all).waitFor();
}

/** Run what starts a download, and return it. */
async function downloaded(page: Page, act: () => Promise<void>): Promise<Download> {
  const download = page.waitForEvent("download", { timeout: 120_000 });
  await act();
  return download;
}

async function contentOf(download: Download): Promise<Buffer> {
  return readFileSync(await download.path());
}

/** Names in the directory of a ZIP file. */
function namesInZip(zip: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; (at = zip.indexOf("PK\u0001\u0002", at, "latin1")) >= 0; at += 4) {
    const length = zip.readUInt16LE(at + 28);
    names.push(zip.toString("utf8", at + 46, at + 46 + length));
  }
  return names;
}

test("sounds are taken away as files and as bundles", { timeout: 600_000 }, async () => {
  const { page, errors } = await openPage(browser);
  await openCrate(page);
  const dialog = page.getByRole("dialog");

  // One sound as WAV holds the samples that were uploaded, now of 24 bits.
  const wav = await downloaded(page, () => page.keyboard.press("Control+s"));
  expect(wav.suggestedFilename()).toBe("Dusty kick.wav");
  const [saved, sent] = [await contentOf(wav), sound(0)];
  expect(saved.readUInt16LE(34)).toBe(24);
  const frames = (sent.length - WAV_HEAD) / 2;
  for (let frame = 0; frame < frames; frame += 97)
    expect(saved.readIntLE(WAV_HEAD + 3 * frame, 3)).toBe(
      sent.readInt16LE(WAV_HEAD + 2 * frame) * 256,
    );

  // A selection becomes a collection, and its bundle is saved when it is written.
  await page.keyboard.press("Shift+ArrowDown");
  await page.getByText("2 selected").waitFor();
  await page.keyboard.press("Control+e");
  await dialog.getByRole("heading", { name: "Export 2 sounds" }).waitFor();
  await dialog.getByRole("button", { name: "FLAC", exact: true }).click();
  await dialog.getByLabel("Kept as a collection").fill("Two kicks");
  expect(await seriousFindings(page)).toEqual([]);
  const bundle = await downloaded(page, () =>
    dialog.getByRole("button", { name: "Export", exact: true }).click(),
  );
  expect(bundle.suggestedFilename()).toMatch(/samples\.zip$/);
  const names = namesInZip(await contentOf(bundle));
  expect(names.filter((name) => name.endsWith(".flac"))).toHaveLength(2);
  expect(names).toContain("clearance.csv");
  await dialog.getByRole("button", { name: /^Save ZIP/ }).waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.keyboard.press("Escape");

  // The collection is exported from its row.
  await page.getByRole("button", { name: "Two kicks 2" }).click();
  await page.getByRole("button", { name: "Export Two kicks" }).click();
  await dialog.getByRole("button", { name: /^Save ZIP/ }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Remove In Two kicks" }).click();

  // The tray is exported as a kit; what was made before is found again.
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Export the tray" }).click();
  await dialog.getByRole("button", { name: "SFZ" }).click();
  const kit = await downloaded(page, () =>
    dialog.getByRole("button", { name: "Export", exact: true }).click(),
  );
  expect(namesInZip(await contentOf(kit)).some((name) => name.endsWith(".sfz"))).toBe(true);
  await page.keyboard.press("Escape");

  // A pad drags out as its file.
  const pad = page.locator(".pad:not(.empty)").first();
  await pad.hover();
  const drag = (): Promise<string> =>
    pad.evaluate((element) => {
      const transfer = new DataTransfer();
      element.dispatchEvent(new DragEvent("dragstart", { dataTransfer: transfer, bubbles: true }));
      return transfer.getData("DownloadURL");
    });
  await expect.poll(drag).not.toBe("");
  const dragged = await drag();
  const [, name, ...rest] = dragged.split(":");
  expect(name).toMatch(/ kick\.flac$/);
  const file = await page.request.get(rest.join(":"));
  expect((await file.body()).toString("latin1", 0, 4)).toBe("fLaC");

  // The files of one sound, on a phone too.
  await page.locator(".crate-row").first().click();
  await page.getByRole("button", { name: "Export", exact: true }).click();
  await dialog.getByRole("button", { name: "Files", exact: true }).click();
  const flac = await downloaded(page, () =>
    dialog.getByRole("button", { name: "Save FLAC, as Cratedig stores it" }).click(),
  );
  expect((await contentOf(flac)).toString("latin1", 0, 4)).toBe("fLaC");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await seriousFindings(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  expect(errors).toEqual([]);
});
