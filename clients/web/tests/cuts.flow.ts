/** Cuts of a recording on the page: chosen, moved, split, merged, added, deleted, undone, rendered. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { PASSWORD, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";
import { hitSamples, wavFile } from "./support/sounds";

const EMAIL = "cuts@example.org";
const DONE_WITHIN = { timeout: 240_000, interval: 500 };
const RATE = 44_100;
const HITS = 4;

const { server, browser } = setUpFlow();

interface Upload {
  readonly id: string;
  readonly item: string;
  readonly missing: readonly { url: string; offset: number; size: number }[];
}

interface Cuts {
  readonly by: string;
  readonly to_render: number;
  readonly items: readonly { number: number; start: number; end: number; sample?: string | null }[];
}

async function send<T>(token: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${server.url}/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Upload a recording of four hits and slice it; return its id. */
async function sliced(token: string): Promise<string> {
  const recording = new Float32Array(HITS * RATE);
  for (let hit = 0; hit < HITS; hit += 1)
    recording.set(hitSamples(0.5, 80 + 60 * hit), hit * RATE + 4410);
  const bytes = wavFile(recording);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const facts = { name: "hits.wav", size: bytes.length, sha256, kind: "recording" };
  const upload = await send<Upload>(token, "POST", "/uploads", facts);
  for (const { url, offset, size } of upload.missing) {
    const body = new Uint8Array(bytes.subarray(offset, offset + size));
    expect((await fetch(new URL(url, server.url), { method: "PUT", body })).ok).toBe(true);
  }
  const { item } = await send<Upload>(token, "POST", `/uploads/${upload.id}/complete`);
  const state = (): Promise<string> =>
    send<{ state: string }>(token, "GET", `/items/${item}`).then((answer) => answer.state);
  await expect.poll(state, DONE_WITHIN).toBe("ready");
  const job = await send<{ id: string }>(token, "POST", "/jobs", { item, task: "slicing" });
  const finished = (): Promise<string> =>
    send<{ state: string }>(token, "GET", `/jobs/${job.id}`).then((answer) => answer.state);
  await expect.poll(finished, DONE_WITHIN).toBe("succeeded");
  return item;
}

test("cuts are edited by keyboard and by pointer", { timeout: 600_000 }, async () => {
  const { page, errors } = await openPage(browser);
  await signUpByKeyboard(page, server.url, EMAIL);
  const body = JSON.stringify({ email: EMAIL, password: PASSWORD });
  const headers = { "Content-Type": "application/json" };
  const session = await fetch(`${server.url}/v1/sessions`, { method: "POST", headers, body });
  const { access_token: token } = (await session.json()) as { access_token: string };
  const item = await sliced(token);
  const cuts = (): Promise<Cuts> => send(token, "GET", `/items/${item}/cuts`);
  const first = await cuts();
  expect(first.items.length).toBe(HITS);

  // Opened by key, chosen and played by the arrows.
  await page.goto(`${server.url}/tracks/${item}`);
  await page.getByRole("button", { name: "Edit the cuts" }).waitFor();
  await page.keyboard.press("Shift+X");
  const editor = page.getByRole("region", { name: "Cuts" });
  await editor.getByText(/^Cut 1 of 4: one-shot/).waitFor();
  await page.keyboard.press("ArrowRight");
  await editor.getByText(/^Cut 2 of 4/).waitFor();
  await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  // It stops at the end of the cut.
  await page.getByRole("button", { name: "Play", exact: true }).waitFor();

  // Moved, split, merged, deleted and added; the server has each.
  const second = first.items[1];
  if (!second) throw new Error("there is no second cut");
  await page.keyboard.press("Control+ArrowRight");
  await editor.getByText(/sample not made yet/).waitFor();
  const moved = await cuts();
  expect(moved.by).toBe("user");
  expect(moved.items[1]?.start).toBe(second.start + Math.round(0.005 * RATE));
  await page.keyboard.press("s");
  await editor.getByText(/^Cut 2 of 5/).waitFor();
  await page.keyboard.press("m");
  await editor.getByText(/^Cut 2 of 4/).waitFor();
  await page.keyboard.press("Delete");
  await editor.getByText(/^Cut 2 of 3/).waitFor();

  // Undo brings all of it back, one by one, to what the machine found.
  for (const count of [4, 5, 4]) {
    await page.keyboard.press("Control+z");
    await expect.poll(() => cuts().then(({ items }) => items.length)).toBe(count);
  }
  await page.keyboard.press("Control+z");
  await expect.poll(() => cuts().then(({ by }) => by)).toBe("machine");
  await page.keyboard.press("Control+Shift+z");
  await expect.poll(() => cuts().then(({ items }) => items[1]?.start)).toBe(moved.items[1]?.start);

  // By pointer: an edge is dragged, a cut is drawn, a press chooses.
  const lane = editor.locator(".cuts-lane");
  const box = await lane.boundingBox();
  if (!box) throw new Error("there is no waveform");
  // The recording of 4 s is shown whole.
  const x = (samples: number): number => box.x + (samples / (HITS * RATE)) * box.width;
  const y = box.y + box.height / 2;
  const third = first.items[2];
  if (!third) throw new Error("there is no third cut");
  await page.mouse.click(x((third.start + third.end) / 2), y);
  await editor.getByText(/^Cut 3 of 4/).waitFor();
  await page.mouse.move(x(third.end), y);
  await page.mouse.down();
  await page.mouse.move(x(third.end) - 30, y, { steps: 5 });
  await page.mouse.up();
  await expect
    .poll(() => cuts().then(({ items }) => items[2]?.end ?? 0))
    .toBeLessThan(third.end - RATE * 0.03);
  await page.mouse.move(x(0.2 * 441), y);
  await page.mouse.down();
  await page.mouse.move(x(0.08 * RATE), y, { steps: 5 });
  await page.mouse.up();
  await editor.getByText(/^Cut 1 of 5/).waitFor();
  for (const theme of ["dark", "light"]) {
    await page.evaluate((name) => {
      document.documentElement.dataset["theme"] = name;
    }, theme);
    expect(await seriousFindings(page)).toEqual([]);
    await page.screenshot({ path: `test-results/cuts-${theme}.png` });
  }

  // The job makes the samples; then nothing is left to make.
  const { to_render: left } = await cuts();
  expect(left).toBeGreaterThan(1);
  await editor.getByRole("button", { name: `Make ${left} samples` }).click();
  await expect.poll(() => cuts().then((list) => list.to_render), DONE_WITHIN).toBe(0);
  await editor.getByRole("button", { name: "Samples are up to date" }).waitFor();
  await page.keyboard.press("Escape");
  await editor.waitFor({ state: "detached" });
  expect(errors).toEqual([]);
});
