/**
 * Screenshots of each place in both themes and three widths, for looking at.
 * `CRATEDIG_WEB_URL` names a server that runs, and `CRATEDIG_WEB_USER` (`email:password`) an account
 * there; without them a new server and an empty account are shown.
 */
import { mkdirSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBrowser, openPage, seriousFindings } from "./support/browser";
import { startServer, type Server } from "./support/server";

const FOLDER = "test-results/screens";
const PLACES = [
  "crate",
  "crate/teach",
  "map",
  "tracks",
  "activity",
  "settings/account",
  "settings/keys",
  "settings/webhooks",
  "settings/shortcuts",
] as const;
const WIDTHS = [
  [1440, 900],
  [1024, 768],
  [390, 844],
] as const;
const [EMAIL = "", PASSWORD = ""] = (
  process.env["CRATEDIG_WEB_USER"] ?? "marta@example.org:longenough"
).split(":");

let server: Pick<Server, "url" | "stop">;
let browser: Browser;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  const url = process.env["CRATEDIG_WEB_URL"];
  server = url === undefined ? await startServer() : { url, stop: () => Promise.resolve() };
  browser = await openBrowser();
  await fetch(`${server.url}/v1/accounts`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: EMAIL, password: PASSWORD }),
  });
});

afterAll(async () => {
  await browser.close();
  await server.stop();
});

for (const theme of ["dark", "light"] as const) {
  test(`every place, ${theme}`, async () => {
    const { page, errors } = await openPage(browser, { theme });
    await page.goto(`${server.url}/`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    const findings: string[] = [];
    const shoot = async (name: string): Promise<void> => {
      for (const [width, height] of WIDTHS) {
        await page.setViewportSize({ width, height });
        await page.screenshot({ path: `${FOLDER}/${name}-${width}-${theme}.png` });
      }
      findings.push(...(await seriousFindings(page)).map((finding) => `${name}: ${finding}`));
      await page.setViewportSize({ width: 1440, height: 900 });
    };
    await shoot("sign-in");
    await page.getByRole("button", { name: "Make an account" }).click();
    await shoot("sign-up");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("E-mail").fill(EMAIL);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("banner").waitFor();
    for (const place of PLACES) {
      await page.goto(`${server.url}/${place}`);
      await page.locator("main h1").waitFor();
      // The live stream stays open, so the network is never idle: wait for what is loaded.
      await page.waitForTimeout(500);
      await shoot(place.replace("/", "-"));
    }
    const transfer = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], "low_tide.wav"));
      return data;
    });
    await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
    await shoot("veil");
    await page.dispatchEvent("body", "dragleave", { dataTransfer: transfer });
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.getByRole("dialog", { name: "Activity" }).waitFor();
    await shoot("drawer");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await shoot("keys");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await shoot("palette");
    expect(findings).toEqual([]);
    expect(errors).toEqual([]);
  });
}
