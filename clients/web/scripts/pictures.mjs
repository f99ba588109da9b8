// Takes the README's pictures of a server that `make demo` has left running:
// npm run pictures -- LINK, with the link that the demo prints.

import { chromium } from "playwright-core";

const FOLDER = new URL("../../../docs/pictures/", import.meta.url).pathname;
const link = new URL(process.argv[2] ?? "");

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
await page.goto(link.href);
await page.getByText("2 bar loop").first().click();
await page.getByRole("button", { name: "Pause" }).waitFor();
await page.getByText("Sounds like this").waitFor();
await page.waitForLoadState("networkidle");
await page.screenshot({ path: `${FOLDER}crate.png` });

await page.goto(new URL("/tracks", link).href);
await page.locator('a[href^="/tracks/"]').first().click();
await page.getByText("Lyrics").first().waitFor();
await page.waitForLoadState("networkidle");
await page.keyboard.press("Space");
await page.getByRole("button", { name: "Pause" }).waitFor();
await page.waitForTimeout(4000);
await page.screenshot({ path: `${FOLDER}track.png` });
await browser.close();
