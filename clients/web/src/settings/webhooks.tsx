/** Webhooks: events sent to an address of yours. The address of the page names the one shown. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { setQuery, useAddress } from "../address";
import { problemText } from "../data/problems";
import { Link } from "../parts/link";
import { ShownOnce } from "../parts/shown-once";
import { WebhookDetail } from "./webhook";
import { WebhookForm } from "./webhook-form";
import { eventsText, stateWord } from "./webhook-words";
import "./webhooks.css";
import { createWebhook, webhooksQuery } from "./webhooks-data";

const ADDRESS = "/settings/webhooks";

export function WebhooksSettings() {
  const { query } = useAddress();
  const { data, error } = useQuery(webhooksQuery);
  // Shown above the webhook that it belongs to, and gone with the page.
  const [secret, setSecret] = useState<{ readonly webhook: string; readonly text: string } | null>(
    null,
  );
  const at = query.get("at");
  const shown = data?.find(({ id }) => id === at);
  if (error !== null && !data)
    return (
      <p className="danger" role="alert">
        {problemText(error)}
      </p>
    );
  if (!data) return <div className="skeleton" style={{ width: 240, marginTop: 16 }} />;
  if (at !== null)
    return (
      <div className="settings-body webhooks">
        <p className="webhook-back">
          <Link className="link" href={ADDRESS}>
            All webhooks
          </Link>
        </p>
        {secret?.webhook === at && (
          <ShownOnce secret={secret.text} onDone={() => setSecret(null)}>
            Your receiver checks events with this secret. Copy it now: it is not shown again.
          </ShownOnce>
        )}
        {shown ? (
          <WebhookDetail
            key={shown.id}
            webhook={shown}
            onSecret={(text) => setSecret({ webhook: shown.id, text })}
          />
        ) : (
          <p className="fg1">This webhook is no longer here. It may have been deleted.</p>
        )}
      </div>
    );
  return (
    <div className="settings-body webhooks">
      <p className="settings-lead">
        A webhook sends what happens in this account, such as “Song taken apart”, to a program of
        yours. Events are signed, so that the program can trust them.
      </p>
      {data.length === 0 && <p className="fg1">There are no webhooks.</p>}
      <ul className="webhook-list">
        {data.map((webhook) => (
          <li key={webhook.id} className="settings-row">
            <span className="grow webhook-name">
              <Link className="link" href={`${ADDRESS}?at=${webhook.id}`}>
                {webhook.description || webhook.url}
              </Link>
              <span className="t12 fg2">
                {webhook.description && `${webhook.url}, `}
                {eventsText(webhook.event_types)}
              </span>
            </span>
            <span className={webhook.state === "disabled" ? "danger" : "fg1"}>
              {stateWord(webhook)}
            </span>
          </li>
        ))}
      </ul>
      <h2 className="bold">New webhook</h2>
      <WebhookForm
        action="Add webhook"
        onSubmit={async (fields) => {
          const made = await createWebhook(fields);
          setSecret({ webhook: made.id, text: made.secret });
          setQuery({ at: made.id });
        }}
      />
    </div>
  );
}
