/** Sections of Administration that are read only, and dead letters. */
import { useQuery } from "@tanstack/react-query";
import { formatBytes, plural, whenText } from "../parts/format";
import { Table, type Column } from "../parts/table";
import {
  accountsQuery,
  deadLettersQuery,
  modelsQuery,
  queuesQuery,
  replay,
  storageQuery,
  webhooksQuery,
  workersQuery,
  type DeadLetter,
  type Model,
  type TaskQueue,
  type Webhook,
  type Worker,
} from "./data";
import { ageText } from "./words";

const WORKERS: readonly Column<Worker>[] = [
  {
    label: "Worker",
    cell: (worker) => (
      <>
        {worker.name} {!worker.online && <span className="fg2">(away)</span>}
      </>
    ),
  },
  { label: "Task", cell: ({ task }) => task },
  { label: "Device", cell: ({ device }) => device },
  { label: "Engine", cell: ({ engine, weights }) => [engine, weights].filter(Boolean).join(", ") },
  { label: "Version", cell: ({ version }) => version },
  { label: "Running", isNumber: true, cell: ({ running, slots }) => `${running} of ${slots}` },
  { label: "Last seen", isNumber: true, cell: ({ last_seen }) => whenText(last_seen) },
];

export function Workers() {
  const { data, error } = useQuery(workersQuery);
  return (
    <Table
      label="Workers"
      columns={WORKERS}
      rows={data}
      keyOf={({ id }) => id}
      error={error}
      empty="No worker has asked for work within the last day."
    />
  );
}

const QUEUES: readonly Column<TaskQueue>[] = [
  { label: "Task", cell: ({ task }) => task },
  { label: "Queued", isNumber: true, cell: ({ queued }) => queued.toLocaleString("en") },
  { label: "Running", isNumber: true, cell: ({ running }) => running.toLocaleString("en") },
  { label: "Workers", isNumber: true, cell: ({ workers }) => workers },
  { label: "Slots", isNumber: true, cell: ({ slots }) => slots },
  {
    label: "Median run",
    isNumber: true,
    cell: ({ median_run }) => (median_run == null ? "–" : ageText(median_run)),
  },
  {
    label: "Oldest waits",
    isNumber: true,
    cell: ({ oldest }) => (oldest ? ageText(oldest.age) : "–"),
  },
  { label: "For", cell: ({ oldest }) => oldest?.message ?? "" },
];

export function Queues() {
  const { data, error } = useQuery(queuesQuery);
  return (
    <Table
      label="Queues"
      columns={QUEUES}
      rows={data}
      keyOf={({ task }) => task}
      error={error}
      empty="There are no tasks."
    />
  );
}

const LETTERS: readonly Column<DeadLetter>[] = [
  { label: "Event", cell: ({ event_type }) => event_type || "cannot be read" },
  { label: "Reason", cell: ({ reason }) => reason },
  { label: "Consumer", cell: ({ group }) => group || "–" },
  {
    label: "Record",
    cell: ({ topic, partition, offset }) => `${topic} ${partition}:${offset}`,
  },
  {
    label: "Action",
    cell: (letter) =>
      letter.replayable ? (
        <button type="button" className="btn small" onClick={() => void replay(letter)}>
          Replay<span className="sr-only"> {letter.event_id}</span>
        </button>
      ) : (
        <span className="fg2">a note</span>
      ),
  },
];

export function DeadLetters() {
  const { data, error } = useQuery(deadLettersQuery);
  return (
    <Table
      label="Dead letters"
      columns={LETTERS}
      rows={data}
      keyOf={({ id }) => id}
      error={error}
      empty="No event was given up."
    />
  );
}

export function Storage() {
  const { data, error } = useQuery(storageQuery);
  const accounts = useQuery(accountsQuery);
  const emails = new Map((accounts.data ?? []).map(({ id, email }) => [id, email]));
  const columns: readonly Column<NonNullable<typeof data>["accounts"][number]>[] = [
    { label: "Account", cell: ({ account }) => emails.get(account) ?? account },
    { label: "As added", isNumber: true, cell: ({ originals }) => formatBytes(originals) },
    { label: "Made from it", isNumber: true, cell: ({ results }) => formatBytes(results) },
    { label: "On its way", isNumber: true, cell: ({ uploads }) => formatBytes(uploads) },
    { label: "All", isNumber: true, cell: ({ total }) => formatBytes(total) },
    { label: "Limit", isNumber: true, cell: ({ limit }) => formatBytes(limit) },
  ];
  return (
    <>
      {data && (
        <dl className="facts">
          <dt>Stored</dt>
          <dd>
            {formatBytes(data.total)}
            {data.limit != null && ` of ${formatBytes(data.limit)}`}: {formatBytes(data.originals)}{" "}
            as added, {formatBytes(data.results)} made from it, {formatBytes(data.uploads)} on its
            way
          </dd>
          {data.free != null && (
            <>
              <dt>Free on the disk</dt>
              <dd>
                {formatBytes(data.free)}
                {data.capacity != null && ` of ${formatBytes(data.capacity)}`}
              </dd>
            </>
          )}
        </dl>
      )}
      <Table
        label="Storage by account"
        columns={columns}
        rows={data?.accounts}
        keyOf={({ account }) => account}
        error={error}
        empty="Nothing is stored."
      />
    </>
  );
}

const MODELS: readonly Column<Model>[] = [
  {
    label: "Weights",
    cell: ({ name, version }) => (version ? `${name} ${version}` : name),
  },
  { label: "Task", cell: ({ task }) => task },
  { label: "Licence", cell: ({ licence }) => licence },
  { label: "Size", isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
  {
    label: "Installed",
    cell: ({ installed, workers }) =>
      installed ? plural(workers.length, "worker") : <span className="fg2">no</span>,
  },
  {
    label: "Source",
    cell: ({ source }) => <span className="admin-source">{source}</span>,
  },
];

export function Models() {
  const { data, error } = useQuery(modelsQuery);
  return (
    <Table
      label="Models and licences"
      columns={MODELS}
      rows={data}
      keyOf={({ task, name, version }) => `${task} ${name} ${version}`}
      error={error}
      empty="No worker has reported its weights."
    />
  );
}

export function Webhooks() {
  const { data, error } = useQuery(webhooksQuery);
  const accounts = useQuery(accountsQuery);
  const emails = new Map((accounts.data ?? []).map(({ id, email }) => [id, email]));
  const columns: readonly Column<Webhook>[] = [
    { label: "Host", cell: ({ host }) => host },
    { label: "Account", cell: ({ account }) => emails.get(account) ?? account },
    { label: "State", cell: ({ state }) => (state === "unverified" ? "not tested" : state) },
    {
      label: "Fails since",
      cell: ({ failing_since }) => (failing_since == null ? "–" : whenText(failing_since)),
    },
    { label: "Made", cell: ({ created }) => whenText(created) },
    { label: "Why", cell: ({ reason }) => reason ?? "–" },
  ];
  return (
    <Table
      label="Webhooks"
      columns={columns}
      rows={data}
      keyOf={({ id }) => id}
      error={error}
      empty="No account has a webhook."
    />
  );
}
