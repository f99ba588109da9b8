/** A song from drop to done: live matrix, previews, stems, the toast; on a real server. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { dropFiles, signUpByKeyboard, waitForRow } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { songSamples, wavFile } from "./support/sounds";

const SONG = readFileSync(new URL("../../../examples/song/song.flac", import.meta.url));
/** A whole song on a busy machine of two cores. */
const DONE_WITHIN = { timeout: 400_000 };
const OFFLINE_MS = 31_000;

const { server, browser } = setUpFlow();

test("a song is taken apart while one watches", { timeout: 500_000 }, async () => {
  const { page, errors } = await openPage(browser);
  await signUpByKeyboard(page, server.url, "watch@example.org");
  await dropFiles(page, [{ name: "evening.flac", bytes: SONG }], async () => {
    await page.getByText("Songs are taken apart").waitFor();
  });
  await page.getByRole("heading", { name: "Activity" }).waitFor();
  // The pipeline starts by itself once the song has arrived.
  await waitForRow(page, "evening", "Song, 0:21");
  await page.getByRole("cell").getByText("after stems").first().waitFor();
  await page.screenshot({ path: "test-results/watch.png" });
  expect(await seriousFindings(page)).toEqual([]);

  await page.getByText(/^evening.* is ready: \d stems, \d+ cuts/).waitFor(DONE_WITHIN);
  const row = page.getByRole("row").filter({ hasText: "evening" });
  await row.getByText(/\d cuts/).waitFor();
  await page.screenshot({ path: "test-results/watch-done.png" });

  // A stem is one press from being heard.
  await page.getByRole("button", { name: "Play Vocals" }).click();
  await page.getByRole("contentinfo").getByText("Vocals").waitFor();
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Play", exact: true }).waitFor();

  await page.goto(`${server.url}/tracks`);
  await page.getByRole("row").filter({ hasText: "evening" }).getByText("Ready").waitFor();
  expect(errors).toEqual([]);
});

test("an upload outlasts half a minute without a network", async () => {
  const { page } = await openPage(browser);
  await signUpByKeyboard(page, server.url, "offline@example.org");
  await page.getByRole("heading", { name: "Drop a song" }).waitFor();
  await page.route(/\/objects\//, (route) => route.abort());
  const bytes = wavFile(songSamples(2));
  await dropFiles(page, [{ name: "loop.wav", bytes }], () => Promise.resolve());
  await waitForRow(page, "loop.wav", "goes on by itself");
  await page.context().setOffline(true);
  await page.getByText("Offline since").waitFor();
  await new Promise((resolve) => setTimeout(resolve, OFFLINE_MS));
  await page.unroute(/\/objects\//);
  await page.context().setOffline(false);
  await waitForRow(page, "loop", "Sample");
  await page.getByText("Offline since").waitFor({ state: "detached" });
});
