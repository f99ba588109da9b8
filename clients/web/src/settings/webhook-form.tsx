/** Address, description and kinds of event of a webhook. */
import { useState } from "react";
import { useAttempt } from "../parts/attempt";
import { TextField } from "../sign-in/fields";
import { EVENTS } from "./webhook-words";
import type { EventType, Webhook, WebhookFields } from "./webhooks-data";

const TYPES = Object.keys(EVENTS) as EventType[];

export function WebhookForm({
  webhook,
  action,
  onSubmit,
}: {
  /** The webhook that is changed; none for a new one. */
  webhook?: Webhook;
  /** Text of the button. */
  action: string;
  onSubmit: (fields: WebhookFields) => Promise<void>;
}) {
  const [url, setUrl] = useState(webhook?.url ?? "");
  const [description, setDescription] = useState(webhook?.description ?? "");
  const [types, setTypes] = useState<readonly string[]>(webhook?.event_types ?? []);
  const [isEvery, setIsEvery] = useState(types.length === 0);
  const { isBusy, problem, attempt } = useAttempt();
  const isEmpty = !isEvery && types.length === 0;
  const submit = (): Promise<void> => {
    const chosen = isEvery ? [] : TYPES.filter((type) => types.includes(type));
    return attempt(() => onSubmit({ url, description, event_types: chosen }));
  };
  return (
    <form
      className="webhook-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <TextField
        label="Address"
        required
        value={url}
        onChange={setUrl}
        problem={problem}
        hint="Begins with https://"
      />
      <TextField label="Description" value={description} onChange={setDescription} />
      <label className="check">
        <input
          type="checkbox"
          checked={isEvery}
          onChange={(event) => setIsEvery(event.target.checked)}
        />
        Every event
      </label>
      {!isEvery && (
        <fieldset className="webhook-events">
          <legend className="t12 fg1">Events that are sent</legend>
          {TYPES.map((type) => (
            <label key={type} className="check">
              <input
                type="checkbox"
                checked={types.includes(type)}
                onChange={(event) =>
                  setTypes(
                    event.target.checked
                      ? [...types, type]
                      : types.filter((other) => other !== type),
                  )
                }
              />
              <span>
                {EVENTS[type]} <span className="t12 fg2">{type}</span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
      <div className="row webhook-acts">
        <button
          type="submit"
          className={webhook ? "btn" : "btn primary"}
          disabled={isBusy || isEmpty}
        >
          {action}
        </button>
        {isEmpty && <span className="t12 fg2">Choose at least one event.</span>}
      </div>
    </form>
  );
}
