/**
 * Live events: a stream opened with a ticket; pages of the feed while the stream is lost.
 * Both deliver the same events, so the last cursor carries from one to the other.
 */

/** The part of an event that the page acts on. */
export interface LiveEvent {
  readonly type: string;
  readonly job: string | null;
  readonly run: string | null;
  readonly item: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface FeedPage {
  readonly events: readonly LiveEvent[];
  readonly next: string;
  readonly more: boolean;
}

/** An open stream; `close` ends it without a call of `onLost`. */
export interface Stream {
  close(): void;
}

export interface FeedPorts {
  ticket(): Promise<string>;
  open(
    address: string,
    on: { event(event: LiveEvent, cursor: string): void; lost(): void },
  ): Stream;
  page(after: string | null): Promise<FeedPage>;
  /** Wait some milliseconds, or until `signal` aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export interface FeedListener {
  event(event: LiveEvent): void;
  /** Whether the server answers. */
  online(online: boolean): void;
}

const FEED_PAUSE_MS = 3000;
/** After this many pages of the feed the stream is tried again. */
const PAGES_PER_STREAM = 5;
/** A stream that lasted this long was good: it is opened again at once. */
const GOOD_STREAM_MS = 10_000;

/** Follow the events until `signal` aborts. Never rejects. */
export async function followEvents(
  ports: FeedPorts,
  listener: FeedListener,
  signal: AbortSignal,
): Promise<void> {
  let cursor: string | null = null;
  const caughtUp = async (): Promise<boolean> => {
    try {
      let page = await ports.page(cursor);
      for (;;) {
        page.events.forEach((event) => listener.event(event));
        cursor = page.next;
        if (!page.more) break;
        page = await ports.page(cursor);
      }
      listener.online(true);
      return true;
    } catch {
      listener.online(false);
      return false;
    }
  };
  while (!signal.aborted) {
    if (!(await caughtUp())) {
      await ports.pause(FEED_PAUSE_MS, signal);
      continue;
    }
    const lasted = await streamOnce(ports, listener, signal, cursor ?? "", (at) => {
      cursor = at;
    });
    if (lasted >= GOOD_STREAM_MS) continue;
    for (let pages = 0; pages < PAGES_PER_STREAM && !signal.aborted; pages += 1) {
      await ports.pause(FEED_PAUSE_MS, signal);
      if (!signal.aborted) await caughtUp();
    }
  }
}

/** Read one stream to its end; return how long it lasted in milliseconds. */
async function streamOnce(
  ports: FeedPorts,
  listener: FeedListener,
  signal: AbortSignal,
  after: string,
  onCursor: (cursor: string) => void,
): Promise<number> {
  const began = performance.now();
  let ticket: string;
  try {
    ticket = await ports.ticket();
  } catch {
    return 0;
  }
  if (signal.aborted) return 0;
  const query = new URLSearchParams({ ticket, ...(after ? { after } : {}) });
  await new Promise<void>((resolve) => {
    const stream = ports.open(`/v1/events?${query.toString()}`, {
      event(event, cursor) {
        if (cursor) onCursor(cursor);
        listener.event(event);
      },
      lost: resolve,
    });
    const stop = (): void => {
      stream.close();
      resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
  });
  return performance.now() - began;
}
