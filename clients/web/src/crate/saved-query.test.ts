import { describe, expect, it } from "vitest";
import { formatFilters, NO_FILTERS, parseAddress, type Filters } from "./filters";
import { barsOf } from "./histogram";
import { filtersOfQuery, queryOfFilters, searchName } from "./saved-query";

const ID = "01920000-0000-7000-8000-000000000001";

function filters(address: string): Filters {
  return parseAddress(new URLSearchParams(address));
}

function address(from: Filters): string {
  return formatFilters(from).toString();
}

describe("a search that is saved", () => {
  it.each([
    "",
    "q=dusty+snare",
    "shape=loops",
    "shape=one-shots&class=kick,snare",
    "class=loop,snare",
    `q=dusty&class=snare&key=F%23m~&bpm=118..128&fold=1&len=<=0.5&tag=vinyl,dusty room&favourite=1&doubt=1&rating=3&src=${ID}&like=${ID}&in=${ID}&sort=-name`,
  ])("opens as it was: %s", (text) => {
    const saved = filters(text);
    expect(address(filtersOfQuery(queryOfFilters(saved)))).toBe(address(saved));
  });

  it("is written in the query language", () => {
    expect(
      queryOfFilters(filters("q=dusty&shape=one-shots&bpm=118..128&fold=1&tag=dusty room")),
    ).toBe('dusty kind:sample -class:loop bpm:118..128~ tag:"dusty room"');
    expect(queryOfFilters(NO_FILTERS)).toBe("kind:sample,stem,recording");
  });

  it("keeps a group as text", () => {
    const read = filtersOfQuery('-(class:kick or (tag:"a)" or is:favourite)) class:snare (a');
    expect(read).toMatchObject({
      query: '-(class:kick or (tag:"a)" or is:favourite)) (a',
      classes: ["snare"],
      tags: [],
      favourites: false,
    });
  });

  it("keeps as text what no control means", () => {
    const read = filtersOfQuery(
      'snare from:"evening star" kind:track bpm:>100 class:kick class:clap',
    );
    expect(read).toMatchObject({
      query: 'snare from:"evening star" bpm:>100 class:clap kind:track',
      classes: ["kick"],
    });
  });

  it("has a name from its chips", () => {
    expect(searchName(NO_FILTERS, ["Snare, clap", "118–128 BPM"])).toBe("Snare clap · 118–128 BPM");
    expect(searchName({ ...NO_FILTERS, query: 'the "room"' }, [])).toBe("the room");
    expect(searchName(NO_FILTERS, [])).toBe("Search");
  });
});

describe("a histogram", () => {
  const scale = { min: 40, max: 220, logarithmic: false, decimals: 0, unit: "BPM" };

  it("lies on the rail, with what is beyond at its end", () => {
    const bars = barsOf({ edges: [40, 130, 220, 400], counts: [1, 3, 1] }, scale, null);
    expect(bars).toEqual([
      { start: 0, end: 0.5, height: 0.25, isInside: true },
      { start: 0.5, end: 1, height: 1, isInside: true },
    ]);
  });

  it("shows what the limits hold", () => {
    const counts = { edges: [40, 100, 160, 220], counts: [1, 1, 1] };
    const inside = barsOf(counts, scale, { min: 120, max: null }).map((bar) => bar.isInside);
    expect(inside).toEqual([false, true, true]);
  });
});
