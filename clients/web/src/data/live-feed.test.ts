import { expect, test } from "vitest";
import { followEvents, type FeedPage, type FeedPorts, type LiveEvent } from "./live-feed";

function event(type: string): LiveEvent {
  return { type, job: null, run: null, item: null, data: {} };
}

function page(next: string, ...types: string[]): FeedPage {
  return { events: types.map(event), next, more: false };
}

interface Script {
  pages: (FeedPage | Error)[];
  /** What each stream delivers before it is lost: `[type, cursor]`. */
  streams: [string, string][][];
}

/** Run a script until it is used up; return what was seen. */
async function play(script: Script) {
  const stop = new AbortController();
  const events: string[] = [];
  const asked: (string | null)[] = [];
  const opened: string[] = [];
  const online: boolean[] = [];
  const ports: FeedPorts = {
    ticket: () => Promise.resolve("t"),
    open(address, on) {
      opened.push(address);
      const deliveries = script.streams.shift();
      if (!deliveries) stop.abort();
      for (const [type, cursor] of deliveries ?? []) on.event(event(type), cursor);
      queueMicrotask(() => on.lost());
      return { close: () => undefined };
    },
    page(after) {
      asked.push(after);
      const answer = script.pages.shift();
      if (answer === undefined) {
        stop.abort();
        return Promise.resolve(page("end"));
      }
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    pause: () => Promise.resolve(),
  };
  await followEvents(
    ports,
    { event: ({ type }) => events.push(type), online: (now) => online.push(now) },
    stop.signal,
  );
  return { events, asked, opened, online };
}

test("the stream begins where the feed ends, and the feed goes on where the stream was lost", async () => {
  const seen = await play({
    pages: [page("c1"), page("c4", "item.added")],
    streams: [
      [
        ["job.queued", "c2"],
        ["job.running", "c3"],
      ],
    ],
  });
  expect(seen.opened[0]).toBe("/v1/events?ticket=t&after=c1");
  expect(seen.asked.slice(0, 2)).toEqual([null, "c3"]);
  expect(seen.events).toEqual(["job.queued", "job.running", "item.added"]);
});

test("progress has no cursor and moves none", async () => {
  const seen = await play({
    pages: [page("c1"), page("c1")],
    streams: [[["job.progressed", ""]]],
  });
  expect(seen.asked[1]).toBe("c1");
});

test("a server out of reach is told once it answers again, and nothing is missed", async () => {
  const seen = await play({
    pages: [page("c1"), new TypeError("network"), page("c2", "job.failed")],
    streams: [[]],
  });
  expect(seen.online.slice(0, 3)).toEqual([true, false, true]);
  expect(seen.events).toEqual(["job.failed"]);
});
