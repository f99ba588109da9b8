/** A webhook in Settings: made, tested, sent an event, disabled and deleted. */
import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSWORD, signUpByKeyboard } from "./support/account";
import { openPage, seriousFindings } from "./support/browser";
import { setUpFlow } from "./support/flow";

const EMAIL = "hooks@example.org";

interface Received {
  readonly id: string;
  readonly time: string;
  readonly signatures: readonly string[];
  readonly body: string;
}

const { server, browser } = setUpFlow();
const received: Received[] = [];
let receiver: Server;
let address = "";

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const { type, data } = JSON.parse(body) as { type: string; data: unknown };
      const header = (name: string): string => String(request.headers[`webhook-${name}`]);
      if (type !== "webhook.challenged") {
        const signatures = header("signature").split(" ");
        received.push({ id: header("id"), time: header("timestamp"), signatures, body });
      }
      response.end(JSON.stringify(type === "webhook.challenged" ? data : {}));
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
});

afterAll(() => {
  receiver.closeAllConnections();
  receiver.close();
});

async function post(path: string, body: unknown, token = ""): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token !== "" && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

test("a webhook is made by keyboard and used by pointer", async () => {
  const { page, errors } = await openPage(browser);
  await signUpByKeyboard(page, server.url, EMAIL);
  await page.goto(`${server.url}/settings/webhooks`);
  await page.getByText("There are no webhooks.").waitFor();
  expect(await seriousFindings(page)).toEqual([]);

  // By keyboard: the address, only one kind of event, the secret, the test.
  await page.getByLabel("Address").focus();
  await page.keyboard.type(address);
  await page.getByLabel("Every event").focus();
  await page.keyboard.press("Space");
  expect(await page.getByRole("button", { name: "Add webhook" }).isDisabled()).toBe(true);
  await page.getByLabel("Collection changed").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Enter");
  const secret = await page.locator(".secret").innerText();
  expect(secret).toMatch(/^whsec_/);
  await page.getByText("Nothing is sent yet").waitFor();
  await page.getByRole("button", { name: "Test" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("The test passed").waitFor();
  await page.getByText("Active: events are sent as they happen.").waitFor();

  // What happens is in the log and at the receiver, signed with the secret that was shown.
  const session = await post("/v1/sessions", { email: EMAIL, password: PASSWORD });
  await post("/v1/collections", { name: "Drums" }, String(session["access_token"]));
  const row = page.locator("tbody tr").filter({ hasText: "Collection changed" });
  await row.getByText("delivered").waitFor();
  const [first] = received;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const content = `${first?.id}.${first?.time}.${first?.body}`;
  const digest = createHmac("sha256", key).update(content).digest("base64");
  expect(first?.signatures).toContain(`v1,${digest}`);

  // By pointer: sent again under the same id, another secret, disabled, deleted.
  await row.getByRole("button", { name: "Send again" }).click();
  await expect.poll(() => received.length, { timeout: 60_000 }).toBe(2);
  expect(received[1]?.id).toBe(first?.id);
  await page.getByRole("button", { name: "New secret" }).click();
  await page.getByText("Events are signed with the previous secret too").waitFor();
  expect(await page.locator(".secret").innerText()).not.toBe(secret);
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("It was disabled by its owner").waitFor();
  await page.getByRole("button", { name: "Test and enable" }).waitFor();
  for (const width of [360, 1440]) {
    await page.setViewportSize({ width, height: 844 });
    expect(await seriousFindings(page)).toEqual([]);
    const scrolled = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(scrolled).toBeLessThanOrEqual(width);
  }
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("There are no webhooks.").waitFor();
  expect(errors).toEqual([]);
});
