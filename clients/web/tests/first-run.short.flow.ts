/** First run: sign up, drop, watch, done; by keyboard and by pointer, on a real server. */
import { expect, test } from "vitest";
import { dropFiles, nextChooser, signUpByKeyboard, waitForRow } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";

const { server, browser } = setUpFlow();

const HIT = { name: "felt_hit.wav", mimeType: "audio/wav", buffer: wavFile(hitSamples(0.4, 180)) };
const TEXT = { name: "diary.wav", mimeType: "audio/wav", buffer: Buffer.from("Dear diary, ") };

test("with the keyboard alone", async () => {
  const { page, errors } = await openPage(browser);
  await signUpByKeyboard(page, server.url, "keys@example.org");
  await page.getByRole("heading", { name: "Drop a song" }).waitFor();
  expect(await seriousFindings(page)).toEqual([]);

  const chooser = await nextChooser(page);
  await page.keyboard.press("u");
  await (await chooser.opened).setFiles([HIT, TEXT]);
  await page.getByRole("heading", { name: "Activity" }).waitFor();
  await waitForRow(page, HIT.name.replace(".wav", ""), "Sample");
  await page.getByText(/Supported formats/).waitFor();
  expect(await seriousFindings(page)).toEqual([]);

  // The sheet and the palette open and close, and focus returns.
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("tracks");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Tracks" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/tracks");
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("dialog", { name: "Activity" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Activity" }).waitFor({ state: "detached" });

  // A reload keeps the place and the session.
  await page.reload();
  await page.getByRole("heading", { name: "Tracks" }).waitFor();
  expect(errors).toEqual([]);
});

test("by pointer: dropped files, the same bytes again, an interrupted upload", async () => {
  const { page, errors } = await openPage(browser, { theme: "light" });
  await signUpByKeyboard(page, server.url, "pointer@example.org");
  const bytes = wavFile(hitSamples(0.5, 220));
  await dropFiles(page, [{ name: "tape_rim.wav", bytes }], async () => {
    await page.getByText("Add 1 file or folder").waitFor();
  });
  await waitForRow(page, "tape_rim", "Sample");

  await dropFiles(page, [{ name: "copy.wav", bytes }], () => Promise.resolve());
  await waitForRow(page, "copy.wav", "Already here as");

  // The network goes while the bytes are sent, and comes back.
  await page.route(/\/objects\//, (route) => route.abort());
  const second = { name: "second.wav", bytes: wavFile(hitSamples(0.6, 300)) };
  await dropFiles(page, [second], () => Promise.resolve());
  await waitForRow(page, second.name, "goes on by itself");

  // The page is loaded again meanwhile: the row asks for its file.
  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await page.unroute(/\/objects\//);
  const again = page.getByRole("button", { name: "Choose second.wav" });
  await again.waitFor();
  const chooser = await nextChooser(page);
  await again.click();
  await (
    await chooser.opened
  ).setFiles([{ name: second.name, mimeType: "audio/wav", buffer: second.bytes }]);
  await waitForRow(page, "second", "Sample");
  expect(errors.filter((error) => !error.includes("net::ERR_FAILED"))).toEqual([]);
});

test("a session that ends asks again over the work", async () => {
  const { page } = await openPage(browser);
  await signUpByKeyboard(page, server.url, "ended@example.org");
  await page.goto(`${server.url}/settings/keys`);
  await page.getByLabel("Name").fill("laptop");
  await page.context().clearCookies();
  let refused = false;
  await page.route("**/v1/keys", (route) => {
    if (refused || route.request().method() !== "POST") return route.continue();
    refused = true;
    return route.fulfill({
      status: 401,
      contentType: "application/problem+json",
      body: JSON.stringify({ code: "token_expired", status: 401 }),
    });
  });
  await page.getByRole("button", { name: "Make key" }).click();
  await page.getByRole("dialog", { name: "Sign in again" }).waitFor();
  await page.getByLabel(/Password of/).fill("correct horse battery");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Sign in again" }).waitFor({ state: "detached" });
  expect(await page.getByLabel("Name").inputValue()).toBe("laptop");
  await page.getByRole("button", { name: "Make key" }).click();
  await page.getByText("Copy the key now.").waitFor();
});
