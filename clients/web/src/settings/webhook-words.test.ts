import { expect, test } from "vitest";
import { attemptText, eventsText, stateText, stateWord } from "./webhook-words";
import type { Delivery, Webhook } from "./webhooks-data";

const WEBHOOK: Webhook = {
  id: "1",
  url: "https://example.org/",
  event_types: [],
  description: "",
  state: "active",
  created: "2026-11-30T12:00:00Z",
  updated: "2026-11-30T12:00:00Z",
};

const DELIVERY: Delivery = {
  event: "1",
  type: "job.failed",
  state: "waiting",
  attempts: 0,
  created: "2026-11-30T12:00:00Z",
  due: "2026-11-30T12:00:00Z",
};

test("the events of a webhook are told by name if it is one, by number if they are several", () => {
  expect(eventsText([])).toBe("every event");
  expect(eventsText(["job.failed"])).toBe("work failed");
  expect(eventsText(["job.failed", "job.succeeded"])).toBe("2 kinds of event");
  expect(eventsText(["of.tomorrow"])).toBe("of.tomorrow");
});

test("a webhook that gets nothing says why and what to do", () => {
  expect(stateWord(WEBHOOK)).toBe("active");
  expect(stateWord({ ...WEBHOOK, failing_since: WEBHOOK.created })).toBe("active, but fails");
  expect(stateText({ ...WEBHOOK, state: "unverified" })).toContain("test it");
  const reason = "The address answered 410.";
  expect(stateText({ ...WEBHOOK, state: "disabled", reason })).toContain(reason);
});

test("an attempt that failed says how it ended and when the next one starts", () => {
  expect(attemptText(DELIVERY)).toBe("");
  const failed = { ...DELIVERY, attempts: 3, status: 503, reason: "It answered with 503." };
  expect(attemptText(failed)).toContain("next attempt");
  expect(attemptText({ ...failed, state: "failed" })).toBe("status 503, It answered with 503.");
});
