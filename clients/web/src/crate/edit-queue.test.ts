import { beforeEach, describe, expect, it, vi } from "vitest";
import { ProblemError } from "../data/problem-error";
import { EditQueue, type EditAnswer } from "./edit-queue";
import { changed, folded, inverse, toEdits, type ItemChange } from "./item-changes";
import type { ItemsEdit, SearchHit } from "./types";

const HIT: SearchHit = {
  item: { id: "a", name: "Dusty snare" } as SearchHit["item"],
  favourite: false,
  rating: 2,
  tags: [
    { name: "vinyl", source: "machine", confidence: 0.8 },
    { name: "Größe", source: "user" },
  ],
};

describe("a change of a sound", () => {
  it("is shown at once, and its inverse restores what was", () => {
    const change: ItemChange = { addTags: ["dusty"], favourite: true, rating: 5 };
    const after = changed(HIT, change);
    expect(after).toMatchObject({ favourite: true, rating: 5 });
    expect(after.tags?.map((tag) => tag.name)).toEqual(["vinyl", "Größe", "dusty"]);
    const restored = changed(after, inverse(HIT, change));
    expect(restored.tags).toEqual(HIT.tags);
    expect(restored).toMatchObject({ favourite: false, rating: 2 });
  });

  it("of a tag that the sound has is undone without removing it", () => {
    expect(changed(HIT, { addTags: ["GRÖSSE"] }).tags).toHaveLength(3);
    expect(folded("GRÖẞE")).not.toBe("");
    expect(inverse(HIT, { addTags: ["größe"] })).toEqual({});
    expect(inverse(HIT, { removeTags: ["größe"] })).toEqual({ addTags: ["größe"] });
  });

  it("of many sounds is sent in requests of at most 500", () => {
    const changes = new Map(
      Array.from({ length: 1200 }, (_, n): [string, ItemChange] => [
        `item ${n}`,
        n % 2 ? { favourite: true } : { rating: 3 },
      ]),
    );
    const requests = toEdits(changes);
    const sizes = requests.map((edits) => edits.reduce((sum, edit) => sum + edit.items.length, 0));
    expect(sizes).toEqual([500, 500, 200]);
    expect(requests.flat().flatMap((edit) => edit.items)).toHaveLength(1200);
  });
});

describe("the queue of changes", () => {
  let sent: { edits: ItemsEdit[]; key: string }[];
  let answers: (() => EditAnswer)[];
  let waits: number;
  let queue: EditQueue;

  beforeEach(() => {
    sent = [];
    answers = [];
    waits = 0;
    queue = new EditQueue(
      (edits, key) => {
        sent.push({ edits, key });
        const answer = answers.shift();
        return answer ? Promise.resolve().then(answer) : Promise.resolve({ results: [] });
      },
      () => {
        waits += 1;
        return Promise.resolve();
      },
    );
  });

  const favourite = (item: string) => new Map([[item, { favourite: true }]]);

  it("sends in the order in which changes were made", async () => {
    await Promise.all(["a", "b", "c"].map((item) => queue.submit(favourite(item))));
    expect(sent.map(({ edits }) => edits[0]?.items[0])).toEqual(["a", "b", "c"]);
    await vi.waitFor(() => expect(queue.waiting.get()).toBe(0));
  });

  it("repeats a request with the same key until the network is back", async () => {
    const fail = (): never => {
      throw new TypeError("network");
    };
    answers = [fail, fail];
    const first = queue.submit(favourite("a"));
    const second = queue.submit(favourite("b"));
    expect(queue.waiting.get()).toBe(2);
    await Promise.all([first, second]);
    expect(waits).toBe(2);
    expect(sent.map(({ edits }) => edits[0]?.items[0])).toEqual(["a", "a", "a", "b"]);
    expect(new Set(sent.slice(0, 3).map(({ key }) => key)).size).toBe(1);
    expect(sent[3]?.key).not.toBe(sent[0]?.key);
  });

  it("tells which sounds the server refused, and goes on", async () => {
    answers = [
      () => ({ results: [{ item: "a", failure: { detail: "Too many tags." } }] }),
      () => {
        throw new ProblemError(403, "forbidden", "Not yours.", "");
      },
    ];
    expect([...(await queue.submit(favourite("a")))]).toEqual([["a", "Too many tags."]]);
    expect([...(await queue.submit(favourite("b")))]).toEqual([["b", "Not yours."]]);
    expect((await queue.submit(favourite("c"))).size).toBe(0);
    expect(waits).toBe(0);
  });
});
