/** Steps that flows share. */
import type { FileChooser, Page } from "playwright-core";

export const PASSWORD = "correct horse battery";

/** Make an account through the page, with the keyboard alone. */
export async function signUpByKeyboard(page: Page, url: string, email: string): Promise<void> {
  await page.goto(`${url}/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  const toggle = page.getByRole("button", { name: "Make an account" });
  for (let stops = 0; stops < 10; stops += 1) {
    await page.keyboard.press("Tab");
    if (await toggle.evaluate((element) => element === document.activeElement)) break;
  }
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Make an account" }).waitFor();
  await page.getByLabel("E-mail").focus();
  await page.keyboard.type(email);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("banner").waitFor();
}

export interface DroppedFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Drag files over the page and drop them on `target`; `onVeil` runs while they hang over it. */
export async function dropFiles(
  page: Page,
  files: readonly DroppedFile[],
  onVeil: () => Promise<void>,
  target = "body",
): Promise<void> {
  const encoded = files.map(({ name, bytes }) => ({ name, base64: bytes.toString("base64") }));
  const transfer = await page.evaluateHandle((list) => {
    const data = new DataTransfer();
    for (const { name, base64 } of list) {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      data.items.add(new File([bytes], name));
    }
    return data;
  }, encoded);
  await page.dispatchEvent(target, "dragenter", { dataTransfer: transfer });
  await page.dispatchEvent(target, "dragover", { dataTransfer: transfer });
  await onVeil();
  await page.dispatchEvent(target, "drop", { dataTransfer: transfer });
}

/** Milliseconds in which a job ends, also where workers have just been started. */
const JOB_WITHIN_MS = 120_000;

/** Wait until the row of a file in Activity shows a text. */
export async function waitForRow(page: Page, name: string, text: string): Promise<void> {
  const row = page.getByRole("row").filter({ hasText: name });
  await row.getByText(text).filter({ visible: true }).first().waitFor({ timeout: JOB_WITHIN_MS });
}

/**
 * Wait for the next file chooser. It is caught from the return on: the browser answers in order, and
 * one that opens before it was told would be shown to nobody.
 */
export async function nextChooser(page: Page): Promise<{ opened: Promise<FileChooser> }> {
  const opened = page.waitForEvent("filechooser");
  await page.evaluate(() => document.readyState);
  return { opened };
}

/** Choose files on the first run's page, then open the Crate when it lists them all. */
export async function addSounds(
  page: Page,
  url: string,
  files: readonly DroppedFile[],
): Promise<void> {
  await page.getByRole("heading", { name: "Drop a song" }).waitFor();
  const chooser = await nextChooser(page);
  await page.getByRole("button", { name: "Choose files" }).click();
  const chosen = files.map(({ name, bytes }) => ({ name, mimeType: "audio/wav", buffer: bytes }));
  await (await chooser.opened).setFiles(chosen);
  await page.getByRole("heading", { name: "Activity" }).waitFor();
  // Until the first sound has arrived, the Crate leads back to Activity.
  const list = page.locator(".crate-viewport");
  for (let turn = 0; turn < 120 && !(await list.isVisible()); turn += 1) {
    await page.keyboard.press("g");
    await page.keyboard.press("c");
    await page.waitForTimeout(1000);
  }
  const all = `.crate-viewport[aria-rowcount="${files.length + 1}"]`;
  await page.locator(all).waitFor({ timeout: 120_000 });
  await page.goto(`${url}/crate?sort=name`);
  await page.locator(all).waitFor();
}
