/** Live events of the account: they patch and refresh the cache. */
import { api, data } from "./api";
import { queries } from "./cache";
import { followEvents, type FeedPorts, type LiveEvent } from "./live-feed";
import { setOnline } from "./online";
import { createStore } from "./store";

const TYPES = [
  "item.added",
  "item.changed",
  "item.deleted",
  "item.hidden",
  "item.restored",
  "search.matched",
  "collection.changed",
  "artifact.added",
  "job.queued",
  "job.running",
  "job.succeeded",
  "job.skipped",
  "job.failed",
  "job.cancelled",
  "job.progressed",
  "run.finished",
  "search.matched",
  "map.changed",
  "tag.proposed",
  "recommendations.updated",
  "import.changed",
] as const;

/** Progress of running jobs by job id, newer than what the job's own answer says. */
export interface LiveProgress {
  readonly fraction: number;
  readonly message: string;
  readonly previews: readonly string[];
}

export const liveProgress = createStore<ReadonlyMap<string, LiveProgress>>(new Map());

const listeners = new Set<(event: LiveEvent) => void>();

/** Call `listener` for each live event; return a function that stops it. */
export function onLiveEvent(listener: (event: LiveEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const ports: FeedPorts = {
  ticket: async () => (await data(api.POST("/v1/events/tickets"))).ticket,
  open(address, on) {
    const source = new EventSource(address);
    const lost = (): void => {
      source.close();
      on.lost();
    };
    for (const type of TYPES) {
      source.addEventListener(type, (message: MessageEvent<string>) => {
        on.event(parse(type, message.data), message.lastEventId);
      });
    }
    source.addEventListener("close", lost);
    source.addEventListener("error", lost);
    return source;
  },
  async page(after) {
    const query = after === null ? {} : { after };
    const feed = await data(api.GET("/v1/feed", { params: { query } }));
    return {
      events: feed.items.map((entry) => liveEvent(entry.type, entry)),
      next: feed.next,
      more: feed.more ?? false,
    };
  },
  pause: (milliseconds, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};

function parse(type: string, text: string): LiveEvent {
  return liveEvent(type, JSON.parse(text) as EventBody);
}

interface EventBody {
  readonly job?: string | null;
  readonly run?: string | null;
  readonly subject?: { readonly kind: string; readonly id: string } | null;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A stream's progress event is its own data; all others have an envelope. */
function liveEvent(type: string, body: EventBody): LiveEvent {
  const payload = body.data ?? (body as Readonly<Record<string, unknown>>);
  return {
    type,
    job: body.job ?? null,
    run: body.run ?? null,
    item: body.subject?.kind === "item" ? body.subject.id : null,
    data: payload,
  };
}

/** Follow the account's events; return a function that stops. */
export function startEvents(): () => void {
  const stop = new AbortController();
  void followEvents(ports, { event: receive, online: setOnline }, stop.signal);
  return () => stop.abort();
}

function receive(event: LiveEvent): void {
  if (event.type === "job.progressed" && event.job !== null) {
    const job = event.job;
    const progress = event.data["progress"] as Partial<LiveProgress>;
    liveProgress.set((before) =>
      new Map(before).set(job, {
        fraction: progress.fraction ?? 0,
        message: progress.message ?? "",
        previews: progress.previews ?? [],
      }),
    );
  } else {
    refresh(event);
  }
  for (const listener of listeners) listener(event);
}

/** Keys whose queries are stale; gathered, because events come in bursts. */
const stale = new Set<string>();
let timer: ReturnType<typeof setTimeout> | null = null;
const GATHER_MS = 300;

function refresh(event: LiveEvent): void {
  if (event.type.startsWith("job.") || event.type.startsWith("run.")) {
    stale.add(JSON.stringify(["work", "runs"]));
    // Only the run that changed: a page of finished runs is not read again for each event.
    stale.add(
      JSON.stringify(event.run === null ? ["work", "arrivals"] : ["work", "jobs", event.run]),
    );
    if (event.run === null) stale.add(JSON.stringify(["work", "exports"]));
  }
  if (event.type.startsWith("item.")) {
    stale.add(JSON.stringify(["items"]));
    stale.add(JSON.stringify(["saved-searches"]));
  }
  if (event.type.startsWith("item.") || event.type === "artifact.added") {
    if (event.item !== null) stale.add(JSON.stringify(["item", event.item]));
  }
  if (event.type.startsWith("collection.")) stale.add(JSON.stringify(["collections"]));
  if (event.type === "search.matched") stale.add(JSON.stringify(["saved-searches"]));
  if (event.type === "recommendations.updated") stale.add(JSON.stringify(["recommendations"]));
  if (event.type === "map.changed") stale.add(JSON.stringify(["maps", "all"]));
  // A file may be refused after its import has ended.
  if (event.type === "import.changed" || event.type === "item.changed")
    stale.add(JSON.stringify(["imports"]));
  if (event.type === "tag.proposed") stale.add(JSON.stringify(["taught"]));
  timer ??= setTimeout(() => {
    timer = null;
    const keys = [...stale];
    stale.clear();
    for (const key of keys)
      void queries.invalidateQueries({ queryKey: JSON.parse(key) as string[] });
  }, GATHER_MS);
}
