/** Webhooks of the account: queries and changes. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, idempotent, type Schemas } from "../data/api";
import { queries } from "../data/cache";

export type Webhook = Schemas["Webhook"];
export type Delivery = Schemas["Delivery"];
export type DeliveryState = Schemas["DeliveryState"];
export type WebhookTest = Schemas["WebhookTest"];
export type EventType = NonNullable<Schemas["WebhookCreate"]["event_types"]>[number];

/** What a form holds of a webhook. */
export interface WebhookFields {
  readonly url: string;
  readonly description: string;
  /** Kinds of event; none means all. */
  readonly event_types: EventType[];
}

const REFRESH_MS = 5_000;
const PAGE = 50;

export const webhooksQuery = queryOptions({
  queryKey: ["webhooks"],
  queryFn: async () => (await data(api.GET("/v1/webhooks"))).items,
  refetchInterval: REFRESH_MS,
});

/** The log of a webhook, newest first, page by page. */
export function deliveriesQuery(webhook: string, state: DeliveryState | null) {
  return infiniteQueryOptions({
    queryKey: ["deliveries", webhook, state],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => {
      const params = {
        path: { webhook },
        query: {
          limit: PAGE,
          ...(state !== null && { state }),
          ...(pageParam !== "" && { cursor: pageParam }),
        },
      };
      return data(api.GET("/v1/webhooks/{webhook}/deliveries", { params, signal }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: REFRESH_MS,
  });
}

async function refresh(): Promise<void> {
  await queries.invalidateQueries({ queryKey: webhooksQuery.queryKey });
}

/**
 * Create a webhook and return it with its secret.
 * @throws ProblemError if the server refuses.
 */
export async function createWebhook(fields: WebhookFields): Promise<Schemas["WebhookWithSecret"]> {
  const made = await data(api.POST("/v1/webhooks", { body: fields, headers: idempotent() }));
  await refresh();
  return made;
}

/** Change a webhook. @throws ProblemError if the server refuses. */
export async function changeWebhook(webhook: Webhook, body: Schemas["WebhookEdit"]): Promise<void> {
  const params = { path: { webhook: webhook.id } };
  await data(api.PATCH("/v1/webhooks/{webhook}", { params, body }));
  await refresh();
}

/** Delete a webhook with its log. @throws ProblemError if the server refuses. */
export async function deleteWebhook(webhook: Webhook): Promise<void> {
  const params = { path: { webhook: webhook.id } };
  await data(api.DELETE("/v1/webhooks/{webhook}", { params }));
  await refresh();
}

/** Send a challenge to the address. @throws ProblemError if the server refuses. */
export async function testWebhook(webhook: Webhook): Promise<WebhookTest> {
  const params = { path: { webhook: webhook.id } };
  const test = await data(api.POST("/v1/webhooks/{webhook}/test", { params }));
  await refresh();
  return test;
}

/** Replace the secret and return the new one. @throws ProblemError if the server refuses. */
export async function rotateSecret(webhook: Webhook): Promise<string> {
  const params = { path: { webhook: webhook.id } };
  const headers = idempotent();
  const made = await data(api.POST("/v1/webhooks/{webhook}/secret", { params, headers }));
  await refresh();
  return made.secret;
}

/** Send an event again. @throws ProblemError if the server refuses. */
export async function sendAgain(webhook: Webhook, delivery: Delivery): Promise<void> {
  const params = { path: { webhook: webhook.id } };
  const body = { events: [delivery.event] };
  await data(api.POST("/v1/webhooks/{webhook}/replay", { params, body }));
  await queries.invalidateQueries({ queryKey: ["deliveries", webhook.id] });
}
