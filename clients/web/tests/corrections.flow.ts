/** What the machine got wrong is corrected on the page: on a track, and in the Crate's inspector. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { PASSWORD, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";

const SONG = readFileSync(new URL("../../../examples/song/song.flac", import.meta.url));
const EMAIL = "corrections@example.org";
const ANALYSED_WITHIN = { timeout: 300_000, interval: 500 };
const LINE = {
  ...{ start: 1, end: 2, text: "late nite", confidence: 0.5 },
  words: [
    { text: "late", start: 1, end: 1.4, space_before: false, confidence: 0.9 },
    { text: "nite", start: 1.4, end: 2, space_before: true, confidence: 0.4 },
  ],
};

interface Upload {
  readonly id: string;
  readonly item: string;
  readonly missing: readonly { url: string; offset: number; size: number }[];
}

const { server, browser } = setUpFlow();

/** The API as this account uses it. */
class Api {
  constructor(private readonly token: string) {}

  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${server.url}/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  async upload(name: string, bytes: Buffer, kind: string): Promise<string> {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const facts = { name, size: bytes.length, sha256, kind };
    const upload = await this.send<Upload>("POST", "/uploads", facts);
    for (const { url, offset, size } of upload.missing) {
      const body = new Uint8Array(bytes.subarray(offset, offset + size));
      const answer = await fetch(new URL(url, server.url), { method: "PUT", body });
      expect(answer.ok).toBe(true);
    }
    const done = await this.send<Upload>("POST", `/uploads/${upload.id}/complete`);
    await expect
      .poll(() => this.item(done.item).then(({ state }) => state), ANALYSED_WITHIN)
      .toBe("ready");
    return done.item;
  }

  item(id: string): Promise<{ state: string; bpm: number | null; corrected: object }> {
    return this.send("GET", `/items/${id}`);
  }

  async value(item: string, field: string): Promise<unknown> {
    const path = `/items/${item}/corrections`;
    const { items } = await this.send<{ items: { field: string; value: unknown }[] }>("GET", path);
    return items.find((one) => one.field === field)?.value;
  }

  async analyse(item: string): Promise<void> {
    const job = await this.send<{ id: string }>("POST", "/jobs", { item, task: "analysis" });
    const state = (): Promise<string> =>
      this.send<{ state: string }>("GET", `/jobs/${job.id}`).then((answer) => answer.state);
    await expect.poll(state, ANALYSED_WITHIN).toBe("succeeded");
  }
}

async function signIn(page: Page): Promise<Api> {
  await signUpByKeyboard(page, server.url, EMAIL);
  const response = await fetch(`${server.url}/v1/sessions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: EMAIL, password: PASSWORD }),
  });
  return new Api(((await response.json()) as { access_token: string }).access_token);
}

/** Change a value where it stands: `by` double-click, or E while it has focus. */
async function change(page: Page, label: string, text: string, by: "pointer" | "key" = "key") {
  const value = page.getByTitle(`${label}: double-click or E to change`).first();
  if (by === "pointer") await value.dblclick();
  else {
    await value.focus();
    await page.keyboard.press("e");
  }
  const field = page.getByRole("textbox", { name: label, exact: true });
  await field.fill(text);
  await page.keyboard.press("Enter");
  await field.waitFor({ state: "detached" });
}

test("a track and a sound are corrected where they stand", { timeout: 900_000 }, async () => {
  const { page, errors } = await openPage(browser);
  const api = await signIn(page);
  const song = await api.upload("evening.flac", SONG, "track");
  await api.analyse(song);
  const machine = (await api.item(song)).bpm ?? 0;
  expect(machine).toBeGreaterThan(0);
  await api.send("PUT", `/items/${song}/corrections/words`, { value: [LINE] });

  await page.goto(`${server.url}/tracks/${song}`);
  const says = page.getByRole("button", { name: `Cratedig says ${machine.toFixed(1)}` }).first();

  // Tempo: doubled, typed, undone, and the machine's again.
  await page.getByRole("button", { name: "×2" }).click();
  await says.waitFor();
  await expect.poll(() => api.value(song, "tempo")).toBeCloseTo(machine * 2, 1);
  await change(page, "Tempo", "97,5");
  await expect.poll(() => api.value(song, "tempo")).toBe(97.5);
  await page.keyboard.press("Control+z");
  await expect.poll(() => api.value(song, "tempo")).toBeCloseTo(machine * 2, 1);
  await says.click();
  await says.waitFor({ state: "detached" });
  await expect.poll(async () => (await api.item(song)).corrected).not.toHaveProperty("tempo");

  // Key: typed by pointer.
  await change(page, "Key", "f#m", "pointer");
  await expect.poll(() => api.value(song, "key")).toBe("F#:min");
  await page.getByText("F♯ minor").first().waitFor();

  // Chords, sections and words.
  await change(page, "Chord", "Dm7", "pointer");
  await expect
    .poll(async () => ((await api.value(song, "chords")) as { chord: string }[])[0]?.chord)
    .toBe("D:min7");
  await change(page, "Section", "Verse");
  await expect
    .poll(async () => ((await api.value(song, "sections")) as { label: string }[])[0]?.label)
    .toBe("Verse");
  await page.getByRole("button", { name: "nite", exact: true }).dblclick();
  await page.getByRole("textbox", { name: "Words", exact: true }).fill("night");
  await page.keyboard.press("Enter");
  const words = async () => (await api.value(song, "words")) as (typeof LINE)[];
  await expect.poll(async () => (await words())[0]?.text).toBe("late night");
  await page.screenshot({ path: "test-results/corrections-track.png" });
  expect(await seriousFindings(page)).toEqual([]);

  // Lyrics: a line is added, and its words are stamped while the song plays.
  await page.keyboard.press("w");
  const text = page.getByRole("textbox", { name: "Text of the lyrics" });
  await text.fill("late night\nslow train");
  await page.getByRole("button", { name: "Stamp the times" }).click();
  await page.screenshot({ path: "test-results/corrections-lyrics.png" });
  expect(await seriousFindings(page)).toEqual([]);
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  await expect
    .poll(() => page.getByRole("slider", { name: "Playhead" }).getAttribute("aria-valuenow"))
    .not.toBe("0");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect
    .poll(async () => (await words()).map((line) => line.text))
    .toEqual(["late night", "slow train"]);
  expect((await words())[0]?.words[0]?.start).not.toBe(1);

  // After a reload all of it is there.
  await page.reload();
  await page.getByRole("button", { name: "Verse", exact: true }).first().waitFor();
  await page.getByText("F♯ minor").first().waitFor();

  // In the Crate: class, key and tempo of a sound.
  const hit = await api.upload("Dusty.wav", wavFile(hitSamples(0.3, 90)), "sample");
  interface Found {
    readonly items: readonly { readonly sound_class?: string | null }[];
  }
  const soundClass = () =>
    api.send<Found>("GET", "/search?kind=sample").then(({ items }) => items[0]?.sound_class ?? "");
  await expect.poll(soundClass, ANALYSED_WITHIN).not.toBe("");
  await page.goto(`${server.url}/crate`);
  await page.locator(".crate-row.current").waitFor();
  await page.keyboard.press("e");
  const choice = page.getByRole("combobox", { name: "Class", exact: true });
  await expect.poll(() => choice.evaluate((one) => one === document.activeElement)).toBe(true);
  await choice.selectOption("snare");
  await expect.poll(() => api.value(hit, "class")).toBe("snare");
  await change(page, "Tempo", "120", "pointer");
  await expect.poll(() => api.value(hit, "tempo")).toBe(120);
  await change(page, "Key", "Am");
  await expect.poll(() => api.value(hit, "key")).toBe("A:min");
  const row = page.locator(".crate-row.current");
  for (const text of ["Snare", "Am", "120"]) await row.getByText(text, { exact: true }).waitFor();
  await page.screenshot({ path: "test-results/corrections-crate.png" });
  expect(await seriousFindings(page)).toEqual([]);
  expect(errors).toEqual([]);
});
