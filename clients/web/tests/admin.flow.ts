/** Administration on a real server: seen by the administrator alone, and used. */
import { expect, test } from "vitest";
import { PASSWORD, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";

const SECTIONS = [
  ["workers", "Workers", "export@"],
  ["queues", "Queues", "separation"],
  ["dead-letters", "Dead letters", "No event was given up."],
  ["storage", "Storage", "Free on the disk"],
  ["models", "Models", "Licence"],
  ["webhooks", "Webhooks", "No account has a webhook."],
  ["accounts", "Accounts", "guest@example.org"],
  ["audit", "Audit log", "Account made"],
] as const;

const { server, browser } = setUpFlow();

test("the administrator sees the server and changes accounts", { timeout: 600_000 }, async () => {
  // The first account of a server is its administrator.
  const { page, errors } = await openPage(browser, { theme: "light" });
  await signUpByKeyboard(page, server.url, "root@example.org");
  const guest = await openPage(browser);
  await signUpByKeyboard(guest.page, server.url, "guest@example.org");

  // For others it is an address that nothing has, and no link or key leads to it.
  await guest.page.goto(`${server.url}/admin/accounts`);
  await guest.page.getByRole("heading", { name: "Nothing has this address" }).waitFor();
  await guest.page.goto(`${server.url}/settings/account`);
  await guest.page.getByRole("heading", { name: "Account" }).waitFor();
  expect(await guest.page.getByRole("link", { name: "Administration" }).count()).toBe(0);

  await page.goto(`${server.url}/settings/account`);
  await page.getByRole("link", { name: "Administration" }).click();
  for (const [section, title, text] of SECTIONS) {
    await page.goto(`${server.url}/admin/${section}`);
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
    await page.getByText(text).filter({ visible: true }).first().waitFor();
    expect(await seriousFindings(page)).toEqual([]);
  }

  // A quota, a one-time link, and an account that is disabled and enabled again.
  await page.goto(`${server.url}/admin/accounts`);
  const row = page.getByRole("row").filter({ hasText: "guest@example.org" });
  await row.getByLabel("Quota of guest@example.org in GB").fill("2.5");
  await page.keyboard.press("Enter");
  await row.getByText(/of 2\.5.GB/).waitFor();
  await row.getByRole("button", { name: "One-time link" }).click();
  const link = await page.locator(".secret").innerText();
  expect(link).toContain(server.url);
  await page.getByRole("button", { name: "Done" }).click();
  await row.getByRole("button", { name: "Disable" }).click();
  await row.getByText("disabled").waitFor();
  const sessions = `${server.url}/v1/sessions`;
  const credentials = { email: "guest@example.org", password: PASSWORD };
  const refused = await fetch(sessions, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(credentials),
  });
  expect(refused.ok).toBe(false);
  await page.getByRole("button", { name: "Undo" }).click();
  await row.getByRole("button", { name: "Disable" }).waitFor();

  // The log names all of it, and is filtered by what was done.
  await page.goto(`${server.url}/admin/audit`);
  await page.getByLabel("Show").selectOption({ label: "Quota changed" });
  await page.waitForURL(/action=quota.changed/);
  const entries = page.locator("tbody tr");
  await entries.first().waitFor();
  expect(await entries.count()).toBe(1);

  await page.setViewportSize({ width: 390, height: 844 });
  for (const section of ["workers", "accounts"]) {
    await page.goto(`${server.url}/admin/${section}`);
    await page.locator("tbody tr").first().waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(390);
  }
  expect(errors).toEqual([]);
});
