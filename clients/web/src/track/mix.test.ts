import { describe, expect, it } from "vitest";
import { levelOfShare, shareOfLevel } from "./level";
import {
  changeStem,
  clearSolos,
  gainsOf,
  isHeard,
  levelLabel,
  mixFromQuery,
  mixToQuery,
  solo,
  type Mix,
} from "./mix";

const STEMS = ["drums", "bass", "vocals"];

function empty(): Mix {
  return mixFromQuery(new URLSearchParams(), STEMS);
}

describe("solo", () => {
  it("is alone, added, and ends when it is pressed again", () => {
    let mix = solo(empty(), "bass", { add: false });
    expect(STEMS.map((stem) => isHeard(mix, stem))).toEqual([false, true, false]);
    mix = solo(mix, "drums", { add: true });
    expect(STEMS.map((stem) => isHeard(mix, stem))).toEqual([true, true, false]);
    mix = solo(mix, "drums", { add: false });
    expect(STEMS.map((stem) => isHeard(mix, stem))).toEqual([true, false, false]);
    mix = solo(mix, "drums", { add: false });
    expect(STEMS.every((stem) => isHeard(mix, stem))).toBe(true);
  });

  it("is stronger than mute", () => {
    const mix = solo(changeStem(empty(), "bass", { muted: true }), "bass", { add: false });
    expect(isHeard(mix, "bass")).toBe(true);
    expect(isHeard(clearSolos(mix), "bass")).toBe(false);
  });
});

describe("gains", () => {
  it("follow level, pan and mute; the middle leaves both sides as they are", () => {
    let mix = changeStem(empty(), "drums", { level: -6.0206 });
    mix = changeStem(mix, "bass", { pan: 0.25 });
    mix = changeStem(mix, "vocals", { muted: true });
    const gains = [...gainsOf(mix, STEMS)];
    [0.5, 0.5, 0.75, 1, 0, 0].forEach((gain, index) => expect(gains[index]).toBeCloseTo(gain, 5));
  });
});

describe("the address", () => {
  it("holds what is not as usual, and gives it back", () => {
    let mix = changeStem(empty(), "bass", { muted: true, level: -4.5, pan: -0.3 });
    mix = changeStem(mix, "vocals", { solo: true });
    const query = mixToQuery(mix);
    expect(query).toEqual({ mute: "bass", solo: "vocals", level: "bass:-4.5", pan: "bass:-0.3" });
    const entries = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
    expect(mixFromQuery(new URLSearchParams(entries), STEMS)).toEqual(mix);
    expect(mixToQuery(empty())).toEqual({ mute: null, solo: null, level: null, pan: null });
  });

  it("bounds what somebody typed", () => {
    const query = new URLSearchParams("level=bass:99,drums:x&pan=bass:-7");
    const { bass, drums } = mixFromQuery(query, STEMS);
    expect([bass?.level, bass?.pan, drums?.level]).toEqual([6, -1, 0]);
  });
});

it("writes levels with a true minus", () => {
  expect([-4.5, 0, -0.01, 3, -60].map(levelLabel)).toEqual(["−4.5", "0.0", "0.0", "3.0", "−∞"]);
});

it("has faders whose way can be turned back", () => {
  for (const level of [-60, -30, -6, 0, 3, 6])
    expect(levelOfShare(shareOfLevel(level))).toBeCloseTo(level);
});
