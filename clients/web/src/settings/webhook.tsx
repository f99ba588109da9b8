/** One webhook: its state, what can be done with it, its log and its form. */
import { useState } from "react";
import { setQuery } from "../address";
import { showToast } from "../data/toasts";
import { useAttempt } from "../parts/attempt";
import { Dialog } from "../parts/dialog";
import { formatLength, whenText } from "../parts/format";
import { Deliveries } from "./deliveries";
import { WebhookForm } from "./webhook-form";
import { stateText } from "./webhook-words";
import {
  changeWebhook,
  deleteWebhook,
  rotateSecret,
  testWebhook,
  type Webhook,
  type WebhookTest,
} from "./webhooks-data";

export function WebhookDetail({
  webhook,
  onSecret,
}: {
  webhook: Webhook;
  /** Called with a new secret. */
  onSecret: (secret: string) => void;
}) {
  const { isBusy, problem, attempt } = useAttempt();
  const [isDeleting, setIsDeleting] = useState(false);
  const [test, setTest] = useState<WebhookTest | null>(null);
  const isActive = webhook.state === "active";
  return (
    <>
      <h2 className="bold webhook-address">{webhook.url}</h2>
      <p className={webhook.state === "disabled" ? "danger" : "fg1"}>{stateText(webhook)}</p>
      {webhook.previous_secret_until != null && (
        <p className="fg1">
          Events are signed with the previous secret too, until{" "}
          {whenText(webhook.previous_secret_until)}.
        </p>
      )}
      <div className="row webhook-acts">
        <button
          type="button"
          className={isActive ? "btn" : "btn primary"}
          disabled={isBusy}
          onClick={() => void attempt(async () => setTest(await testWebhook(webhook)))}
        >
          {webhook.state === "disabled" ? "Test and enable" : "Test"}
        </button>
        {isActive && (
          <button
            type="button"
            className="btn"
            disabled={isBusy}
            onClick={() =>
              void attempt(async () => {
                setTest(null);
                await changeWebhook(webhook, { state: "disabled" });
              })
            }
          >
            Disable
          </button>
        )}
        <button
          type="button"
          className="btn"
          disabled={isBusy}
          onClick={() => void attempt(async () => onSecret(await rotateSecret(webhook)))}
        >
          New secret
        </button>
        <button type="button" className="btn quiet" onClick={() => setIsDeleting(true)}>
          Delete
        </button>
      </div>
      {problem !== "" && (
        <p className="danger" role="alert">
          {problem}
        </p>
      )}
      {test && <TestResult test={test} />}
      <h3 className="bold webhook-section">Log</h3>
      <Deliveries webhook={webhook} />
      <h3 className="bold webhook-section">Address and events</h3>
      <WebhookForm
        webhook={webhook}
        action="Save"
        onSubmit={async (fields) => {
          setTest(null);
          await changeWebhook(webhook, fields);
          showToast("Saved.");
        }}
      />
      {isDeleting && <DeleteDialog webhook={webhook} onClose={() => setIsDeleting(false)} />}
    </>
  );
}

function TestResult({ test }: { test: WebhookTest }) {
  return (
    <div role="status" className="webhook-test">
      <p className={test.passed ? "fg0" : "danger"}>
        {test.passed
          ? `The test passed in ${formatLength(test.duration)}.`
          : `The test failed. ${test.reason ?? ""}`}
      </p>
      {!test.passed && test.answer && (
        <>
          <p className="t12 fg2">
            What the address answered{test.status != null && `, with status ${test.status}`}:
          </p>
          <pre className="webhook-answer mono" tabIndex={0} aria-label="What was answered">
            {test.answer}
          </pre>
        </>
      )}
    </div>
  );
}

function DeleteDialog({ webhook, onClose }: { webhook: Webhook; onClose: () => void }) {
  const { problem, attempt } = useAttempt();
  const remove = (): Promise<void> =>
    attempt(async () => {
      await deleteWebhook(webhook);
      onClose();
      setQuery({ at: null, log: null });
    });
  return (
    <Dialog label="Delete webhook" onClose={onClose}>
      <h2>Delete webhook</h2>
      <p className="fg1 webhook-address">
        Nothing more is sent to {webhook.url}, and its log and secret are gone. This cannot be
        undone.
      </p>
      {problem !== "" && (
        <p className="danger" role="alert">
          {problem}
        </p>
      )}
      <div className="row webhook-end">
        <button type="button" className="btn quiet" data-autofocus onClick={onClose}>
          Keep it
        </button>
        <button type="button" className="btn danger" onClick={() => void remove()}>
          Delete for good
        </button>
      </div>
    </Dialog>
  );
}
