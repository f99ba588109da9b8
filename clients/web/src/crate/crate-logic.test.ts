import { describe, expect, it } from "vitest";
import { filterChips } from "./filter-chips";
import { NO_FILTERS } from "./filters";
import { padOf } from "./midi-pads";
import { camelotNamed, compatible, KEYS, keyText, keyWords, noteOf } from "./musical-keys";
import { stepOf, valueOf } from "./range-scale";
import { nameWithoutSong } from "./texts";
import { amplitudeOf, Waveforms } from "./waveforms";

const NO_NAMES = { collection: null, song: null, like: null };

describe("keys", () => {
  it("have their codes on the wheel", () => {
    expect(camelotNamed("Am")).toBe("8A");
    expect(camelotNamed("C")).toBe("8B");
    expect(camelotNamed("F#m")).toBe("11A");
    expect(camelotNamed("Gbm")).toBe("11A");
    expect(camelotNamed("H")).toBeNull();
    expect(KEYS.size).toBe(24);
    for (const [code, key] of KEYS) expect(camelotNamed(key.name)).toBe(code);
    expect(compatible("12A").sort()).toEqual(["11A", "12A", "12B", "1A"]);
    expect([keyText("11A"), keyWords("3B")]).toEqual(["F♯m", "C♯ major"]);
  });

  it("are notes by frequency", () => {
    expect([noteOf(440), noteOf(185), noteOf(27.5)]).toEqual(["A4", "F♯3", "A0"]);
  });
});

describe("chips", () => {
  it("say each filter, and what is left without it", () => {
    const filters = {
      ...NO_FILTERS,
      classes: ["snare", "closed_hat"],
      key: { name: "Am", match: "compatible" as const },
      tempo: { min: 118, max: 128 },
      tags: ["dusty", "warm"],
    };
    const chips = filterChips(filters, [], NO_NAMES);
    expect(chips.map((chip) => chip.text)).toEqual([
      "Snare, closed hat",
      "Am and compatible",
      "118–128 BPM",
      "dusty",
      "warm",
    ]);
    expect(chips[1]).toMatchObject({ without: "Any key", rest: { key: null } });
    expect(chips[3]?.rest).toEqual({ tags: ["warm"] });
  });

  it("say what the search understood, but for plain words", () => {
    const query = "💥 dusty bpm:118-128 short";
    const understood = [
      { text: "dusty", start: 2, end: 7, field: "terms", meaning: "the word dusty" },
      { text: "bpm:118-128", start: 8, end: 19, field: "bpm", meaning: "118 to 128 BPM" },
      {
        text: "short",
        start: 20,
        end: 25,
        field: "terms",
        meaning: "at most 0.25 s long, or the word short",
      },
    ];
    const chips = filterChips({ ...NO_FILTERS, query }, understood, NO_NAMES);
    expect(chips.map((chip) => chip.text)).toEqual([
      "118 to 128 BPM",
      "At most 0.25 s long, or “short”",
    ]);
    expect(chips[0]?.rest).toEqual({ query: "💥 dusty short" });
    const group = { text: "(kick or hat)", start: 0, end: 13, field: "groups", meaning: "any" };
    const [chip] = filterChips({ ...NO_FILTERS, query: "(kick or hat) x" }, [group], NO_NAMES);
    expect(chip).toMatchObject({ text: "(kick or hat)", rest: { query: "x" } });
    // The answer is of an earlier text.
    expect(filterChips({ ...NO_FILTERS, query: "kick" }, understood, NO_NAMES)).toEqual([]);
  });
});

describe("names", () => {
  it("leave out the song that stands beside them", () => {
    expect(nameWithoutSong("Low Tide – drums hit 4", "Low Tide")).toBe("drums hit 4");
    expect(nameWithoutSong("Low Tide – drums hit 4", "")).toBe("Low Tide – drums hit 4");
    expect(nameWithoutSong("Low Tide", "Low Tide")).toBe("Low Tide");
  });
});

describe("ranges", () => {
  it("keep values that a rail can hold", () => {
    const scale = { min: 0.02, max: 60, logarithmic: true, decimals: 2, unit: "s" };
    expect(valueOf(scale, 0)).toBe(0.02);
    expect(valueOf(scale, 200)).toBe(60);
    expect(stepOf(scale, valueOf(scale, 120))).toBe(120);
    expect(stepOf(scale, 0)).toBe(0);
  });
});

describe("pads by MIDI", () => {
  it("are struck by sixteen notes from C1 on", () => {
    expect(padOf(Uint8Array.of(0x90, 36, 100))).toBe(0);
    expect(padOf(Uint8Array.of(0x99, 51, 1))).toBe(15);
    expect(padOf(Uint8Array.of(0x90, 52, 100))).toBeNull();
    expect(padOf(Uint8Array.of(0x90, 36, 0))).toBeNull();
    expect(padOf(Uint8Array.of(0x80, 36, 100))).toBeNull();
  });
});

describe("mini-waveforms", () => {
  it("are read in batches, those in view first, and once each", async () => {
    const reads: (readonly string[])[] = [];
    const waveforms = new Waveforms((items) => {
      reads.push(items);
      return Promise.resolve(new Map(items.map((item) => [item, new Uint8Array(300)])));
    });
    const items = Array.from({ length: 250 }, (_, n) => `item ${n}`);
    waveforms.want(items);
    waveforms.keep("pad");
    await new Promise((resolve) => setTimeout(resolve));
    expect(reads.map((read) => read.length)).toEqual([200, 51]);
    expect(waveforms.get("item 249")).toHaveLength(300);
    waveforms.want(items);
    expect(reads).toHaveLength(2);
    expect(waveforms.get("other")).toBeUndefined();
  });

  it("that cannot be read are asked for again, but not at once", async () => {
    let reads = 0;
    const waveforms = new Waveforms(() => {
      reads += 1;
      return Promise.reject(new Error("no network"));
    });
    waveforms.want(["a"]);
    await new Promise((resolve) => setTimeout(resolve));
    expect(reads).toBe(1);
    waveforms.want(["a"]);
    await new Promise((resolve) => setTimeout(resolve));
    expect(reads).toBe(2);
  });

  it("hold amplitudes as square roots", () => {
    expect(amplitudeOf(255)).toBe(1);
    expect(amplitudeOf(26)).toBeCloseTo(0.0104, 4);
  });
});
