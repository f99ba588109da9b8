/** Texts about webhooks. */
import { plural, whenText } from "../parts/format";
import type { Delivery, DeliveryState, EventType, Webhook } from "./webhooks-data";

/** Every kind of event, as a person says it. */
export const EVENTS: Readonly<Record<EventType, string>> = {
  "item.added": "Song or sound added",
  "item.changed": "Song or sound changed",
  "item.corrected": "Value corrected",
  "item.deleted": "Song or sound deleted",
  "item.hidden": "Sound hidden",
  "item.restored": "Sound restored",
  "collection.changed": "Collection changed",
  "tag.proposed": "Taught tag proposed",
  "recommendations.updated": "Recommendations updated",
  "search.matched": "Saved search found new sounds",
  "import.changed": "Import went on or ended",
  "map.changed": "Map changed",
  "artifact.added": "Result stored",
  "job.queued": "Work queued",
  "job.running": "Work started",
  "job.succeeded": "Work done",
  "job.skipped": "Work had nothing to do",
  "job.failed": "Work failed",
  "job.cancelled": "Work stopped",
  "run.finished": "Song taken apart",
};

export const DELIVERY_STATES: Readonly<Record<DeliveryState, string>> = {
  waiting: "waits",
  sending: "is being sent",
  delivered: "delivered",
  failed: "failed",
};

export function eventText(type: string): string {
  return (EVENTS as Readonly<Record<string, string>>)[type] ?? type;
}

/** Return which events a webhook gets: `every event`, `work failed`, `3 kinds of event`. */
export function eventsText(types: readonly string[]): string {
  const [only] = types;
  if (only === undefined) return "every event";
  return types.length === 1
    ? eventText(only).toLowerCase()
    : plural(types.length, "kind of event", "kinds of event");
}

/** Return in a word whether a webhook gets events. */
export function stateWord({ state, failing_since }: Webhook): string {
  if (state === "unverified") return "not tested";
  if (state === "disabled") return "disabled";
  return failing_since == null ? "active" : "active, but fails";
}

/** Return whether a webhook gets events, why not, and what to do. */
export function stateText(webhook: Webhook): string {
  if (webhook.state === "unverified")
    return "Nothing is sent yet: the address must pass a test first. Start your receiver with the secret, then test it.";
  if (webhook.state === "disabled") return `Nothing is sent. ${webhook.reason ?? ""}`.trim();
  if (webhook.failing_since != null)
    return `Active, but every attempt has failed since ${whenText(webhook.failing_since)}. After three days it is disabled.`;
  return "Active: events are sent as they happen.";
}

/** Return how the last attempt of a delivery ended, and when the next one starts. */
export function attemptText(delivery: Delivery): string {
  const parts: string[] = [];
  if (delivery.status != null) parts.push(`status ${delivery.status}`);
  if (delivery.reason) parts.push(delivery.reason);
  if (delivery.state === "waiting" && delivery.attempts > 0 && delivery.due != null)
    parts.push(`next attempt ${whenText(delivery.due)}`);
  return parts.join(", ");
}
