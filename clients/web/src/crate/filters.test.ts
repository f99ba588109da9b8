import { describe, expect, it } from "vitest";
import { formatAddress, formatFilters, isFiltered, NO_FILTERS, parseAddress } from "./filters";
import { searchParameters, serialize } from "./search-request";

const FULL =
  "in=c&q=dusty+snare&shape=one-shots&class=snare%2Cclap&key=Am%7E&bpm=118..128&fold=1&len=%3C%3D0.5" +
  "&tag=dusty&favourite=1&doubt=1&rating=3&src=item&like=other&sort=-name&at=other&row=12&sel=3-7%2C12";

describe("the address of the Crate", () => {
  it("is written as it was read", () => {
    const address = parseAddress(new URLSearchParams(FULL));
    expect(formatAddress(address).toString()).toBe(FULL);
    expect(address).toMatchObject({
      classes: ["snare", "clap"],
      key: { name: "Am", match: "compatible" },
      tempo: { min: 118, max: 128 },
      length: { min: null, max: 0.5 },
      selected: [
        [3, 7],
        [12, 12],
      ],
    });
  });

  it("takes what cannot be read as its default", () => {
    const odd = "shape=x&key=H&bpm=fast&rating=9&sort=size&row=-4&sel=a&len=1..x";
    expect(formatAddress(parseAddress(new URLSearchParams(odd))).toString()).toBe("");
  });

  it("reads the range of a shared link in both forms", () => {
    const { tempo } = parseAddress(new URLSearchParams("bpm=128-118"));
    expect(tempo).toEqual({ min: 118, max: 128 });
  });

  it("lists the same sounds wherever one stands in them", () => {
    const address = parseAddress(new URLSearchParams(FULL));
    expect(formatFilters({ ...address }).toString()).not.toContain("row");
    expect(isFiltered(address)).toBe(true);
    expect(isFiltered({ ...NO_FILTERS, sort: "name", collection: "c" })).toBe(false);
  });

  it("asks the search for the same", () => {
    const address = parseAddress(new URLSearchParams(FULL));
    expect(decodeURIComponent(serialize(searchParameters(address)))).toBe(
      "q=dusty+snare&kind=sample&sound_class=snare&sound_class=clap&not_sound_class=loop" +
        "&tag=dusty&key=Am~&bpm=118..128&bpm_fold=true&duration=<=0.5&favourite=true" +
        "&in_doubt=true&min_rating=3&source=item&like=other&collection=c&sort=-name",
    );
    expect(serialize(searchParameters(NO_FILTERS))).toBe("kind=sample&kind=stem&kind=recording");
  });
});
