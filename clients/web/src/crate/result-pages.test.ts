import { describe, expect, it } from "vitest";
import { FIRST_PAGE, PAGE, ResultPages, type PageRequest } from "./result-pages";
import type { SearchHit, SearchResult } from "./types";

function hit(row: number): SearchHit {
  const item = { id: `item ${row}`, name: `Sound ${row}` } as SearchHit["item"];
  return { item };
}

/** A server with results that are the same for as long as its snapshot is. */
class FakeSearch {
  readonly requests: PageRequest[] = [];
  snapshot = "first";
  shift = 0;

  constructor(readonly total: number) {}

  read = (request: PageRequest): Promise<SearchResult> => {
    this.requests.push(request);
    const { offset, limit } = request;
    const count = Math.max(0, Math.min(limit, this.total - offset));
    const items = Array.from({ length: count }, (_, step) => hit(offset + step + this.shift));
    return Promise.resolve({
      items,
      total: this.total,
      offset,
      snapshot: this.snapshot,
      query: "",
    });
  };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe("pages of results", () => {
  it("read a short first page, then those in view", async () => {
    const search = new FakeSearch(100_000);
    const changes: string[] = [];
    const pages = new ResultPages(search.read);
    pages.subscribe((change) => changes.push(change));
    await pages.open(0);
    expect(pages.total).toBe(100_000);
    expect(search.requests.map((r) => r.limit)).toEqual([FIRST_PAGE]);
    expect(pages.row(FIRST_PAGE - 1)?.item.id).toBe(`item ${FIRST_PAGE - 1}`);
    pages.want(60_000, 60_040);
    await settled();
    expect(search.requests.at(-1)).toMatchObject({
      offset: 60_000,
      limit: PAGE,
      snapshot: "first",
    });
    expect(pages.row(60_020)?.item.id).toBe("item 60020");
    expect(pages.positionOf("item 60020")).toBe(60_020);
    pages.want(60_000, 60_040);
    await settled();
    expect(search.requests).toHaveLength(2);
    expect(changes).toEqual(["results", "rows"]);
  });

  it("read only where scrolling has come to, not all that it passed", async () => {
    const search = new FakeSearch(100_000);
    const pages = new ResultPages(search.read);
    await pages.open(0);
    for (let row = 0; row < 100_000; row += 1000) pages.want(row, row + 40);
    await settled();
    expect(search.requests.length).toBeLessThanOrEqual(5);
    expect(pages.row(99_010)).toBeDefined();
  });

  it("begin anew when the search was done again", async () => {
    const search = new FakeSearch(1000);
    const pages = new ResultPages(search.read);
    await pages.open(0);
    search.snapshot = "second";
    search.shift = 5000;
    pages.want(400, 440);
    await settled();
    expect(pages.row(0)).toBeUndefined();
    expect(pages.row(400)?.item.id).toBe("item 5400");
  });

  it("stay bounded however far one scrolls", async () => {
    const search = new FakeSearch(100_000);
    const pages = new ResultPages(search.read);
    await pages.open(0);
    for (let row = 0; row < 40_000; row += PAGE) {
      pages.want(row, row + 40);
      await settled();
    }
    expect(pages.row(200)).toBeUndefined();
    expect(pages.row(39_900)).toBeDefined();
  });

  it("begin at the top when fewer are left than there were", async () => {
    const pages = new ResultPages(new FakeSearch(10).read);
    await pages.open(500);
    expect(pages.row(0)?.item.id).toBe("item 0");
  });

  it("read the rows of a selection that are not there", async () => {
    const search = new FakeSearch(1000);
    const pages = new ResultPages(search.read);
    await pages.open(0);
    const hits = await pages.rowsAt([0, 1, 450, 451, 452]);
    expect(hits.map((each) => each.item.id)).toEqual([
      "item 0",
      "item 1",
      "item 450",
      "item 451",
      "item 452",
    ]);
    expect(search.requests).toHaveLength(2);
  });

  it("change rows in place, and say why they could not be read", async () => {
    const pages = new ResultPages(new FakeSearch(10).read);
    await pages.open(0);
    pages.patch(["item 3", "item 99"], (row) => ({ ...row, favourite: true }));
    expect(pages.row(3)?.favourite).toBe(true);
    const broken = new ResultPages(() => Promise.reject(new Error("no network")));
    await broken.open(0);
    expect(broken.error).toEqual(new Error("no network"));
    expect(broken.total).toBeNull();
  });
});
