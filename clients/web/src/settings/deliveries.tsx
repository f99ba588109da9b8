/** The log of a webhook: each event with its last attempt, sent again on demand. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { whenText } from "../parts/format";
import { Log, useChoice } from "../parts/log";
import type { Column } from "../parts/table";
import { attemptText, DELIVERY_STATES, eventText } from "./webhook-words";
import {
  deliveriesQuery,
  sendAgain,
  type Delivery,
  type DeliveryState,
  type Webhook,
} from "./webhooks-data";

export function Deliveries({ webhook }: { webhook: Webhook }) {
  const state = useChoice<DeliveryState>("log", DELIVERY_STATES);
  const log = useInfiniteQuery(deliveriesQuery(webhook.id, state));
  const columns: readonly Column<Delivery>[] = [
    { label: "When", cell: ({ attempted, created }) => whenText(attempted ?? created) },
    { label: "Event", cell: ({ type }) => <span title={type}>{eventText(type)}</span> },
    { label: "State", cell: (delivery) => DELIVERY_STATES[delivery.state] },
    { label: "Attempts", isNumber: true, cell: ({ attempts }) => attempts },
    {
      label: "Last attempt",
      cell: (delivery) => (
        <span className="webhook-attempt" title={delivery.answer ?? undefined}>
          {attemptText(delivery) || "–"}
        </span>
      ),
    },
    {
      label: "Action",
      cell: (delivery) =>
        webhook.state === "active" && delivery.state !== "sending" ? (
          <button
            type="button"
            className="btn small"
            onClick={() => void replay(webhook, delivery)}
          >
            Send again<span className="sr-only"> {eventText(delivery.type)}</span>
          </button>
        ) : (
          "–"
        ),
    },
  ];
  return (
    <Log
      label="Log"
      name="log"
      choices={DELIVERY_STATES}
      choice={state}
      log={log}
      columns={columns}
      keyOf={({ event }) => event}
      empty={
        state === null
          ? "No event was sent within the last seven days."
          : "No event is in this state."
      }
      older="Older events"
    />
  );
}

async function replay(webhook: Webhook, delivery: Delivery): Promise<void> {
  try {
    await sendAgain(webhook, delivery);
    showToast(`“${eventText(delivery.type)}” is sent again.`);
  } catch (error) {
    showToast(problemText(error));
  }
}
