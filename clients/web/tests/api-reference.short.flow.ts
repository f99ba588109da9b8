/** `/docs` on a real server: searched, and tried with the session of the page. */
import { expect, test } from "vitest";
import { signUpByKeyboard } from "./support/account";
import { openPage } from "./support/browser";
import { setUpFlow } from "./support/flow";

/** The page reads a description of 1 MB and a script of as much, on a busy machine. */
const SHOWN_WITHIN_MS = 90_000;

const { server, browser } = setUpFlow();

test("an operation is found and tried", async () => {
  const { page, errors } = await openPage(browser);
  page.setDefaultTimeout(SHOWN_WITHIN_MS);
  const hosts = new Set<string>();
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  await signUpByKeyboard(page, server.url, "docs@example.org");
  await page.goto(`${server.url}/docs`);
  await page.getByText("Signed in: calls that you try").waitFor();
  await page.getByRole("heading", { name: "accounts" }).first().waitFor();

  await page.keyboard.press("Control+k");
  await page
    .getByRole("combobox", { name: /search/i })
    .first()
    .fill("/v1/items");
  const list = page.getByRole("option").filter({ hasText: /get HTTP Method[^]*\/v1\/items\s*$/ });
  await list.first().click();
  await page
    .getByRole("button", { name: /Test Request.*get \/v1\/items\)/i })
    .first()
    .click();

  const answered = page.waitForResponse(
    (response) => new URL(response.url()).pathname === "/v1/items",
  );
  await page.getByRole("button", { name: /^Send/ }).first().click();
  const answer = await answered;
  expect(answer.status()).toBe(200);
  expect(await answer.json()).toEqual({ items: [], next: null });
  await page.getByText("200 OK").first().waitFor();

  // Nothing was blocked by the policy, and nothing was asked of another host.
  expect(errors).toEqual([]);
  expect([...hosts]).toEqual([new URL(server.url).host]);
});
