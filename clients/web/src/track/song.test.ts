import { describe, expect, it } from "vitest";
import { tappedTempo } from "./edits";
import { Waveform, parsePeaksHeader } from "./peaks";
import {
  chordLabel,
  filesOf,
  formText,
  hasOwnStems,
  keyChanges,
  shareText,
  tempoRange,
  type Artifact,
  type Job,
} from "./song";
import { clampView, follow, zoom } from "./view";

function artifact(kind: string, name: string, stem: string | null, job: string, day: number) {
  const created = `2026-11-0${day}T00:00:00Z`;
  return { id: `${job}/${name}`, kind, name, stem, job, created, size: 1 } as Artifact;
}

describe("filesOf", () => {
  it("takes the stems of the newest separation, in their order", () => {
    const files = filesOf([
      artifact("canonical", "canonical.flac", null, "in", 1),
      artifact("peaks", "peaks.dat", null, "in", 1),
      artifact("stem", "accompaniment.flac", "accompaniment", "old", 2),
      artifact("stem", "vocals.flac", "vocals", "old", 2),
      artifact("stem", "vocals.flac", "vocals", "new", 3),
      artifact("stem", "drums.flac", "drums", "new", 3),
      artifact("stem", "without_drums.flac", "mix", "new", 3),
      artifact("peaks", "vocals-peaks.dat", "vocals", "new", 3),
      artifact("notes", "notes.csv", "vocals", "midi", 4),
      artifact("notes", "notes.json", "vocals", "midi", 4),
    ]);
    expect(files.stems.map(({ audio }) => audio.id)).toEqual(["new/drums.flac", "new/vocals.flac"]);
    expect(files.stems[1]).toMatchObject({
      peaks: { id: "new/vocals-peaks.dat" },
      notes: { id: "midi/notes.json" },
    });
    expect(files.stems[0]).toMatchObject({ peaks: null, notes: null });
    expect(files.peaks?.id).toBe("in/peaks.dat");
  });
});

describe("hasOwnStems", () => {
  const stem = artifact("stem", "drums.flac", "drums", "made", 1);
  const jobs = (task: string): Job[] => [{ id: "made", task } as Job];

  it("tells the stems of a multitrack from separated ones", () => {
    expect(hasOwnStems(filesOf([stem]), jobs("ingest"))).toBe(true);
    expect(hasOwnStems(filesOf([stem]), jobs("separation"))).toBe(false);
    expect(hasOwnStems(filesOf([]), jobs("ingest"))).toBe(false);
  });
});

describe("texts", () => {
  it("writes chords as people do", () => {
    expect(chordLabel("A:min")).toEqual({ root: "Am", suffix: "" });
    expect(chordLabel("F#:maj7")).toEqual({ root: "F♯", suffix: "maj7" });
    expect(chordLabel("Bb:7")).toEqual({ root: "B♭", suffix: "7" });
    expect(chordLabel("B:hdim7")).toEqual({ root: "B", suffix: "ø7" });
    expect(chordLabel("C:min/b3")).toEqual({ root: "Cm", suffix: "/E♭" });
    expect(chordLabel("N")).toBeNull();
  });

  it("writes what changes within a song, and nothing of what does not", () => {
    const points = (...tempi: number[]) => tempi.map((bpm) => ({ bpm }));
    expect(tempoRange(points(99.6, 130.2, 101))).toBe("100–130 BPM");
    expect([points(120, 121), [], undefined].map(tempoRange)).toEqual(["", "", ""]);
    const keys = [
      { key: "C:maj", start: 0 },
      { key: "F#:min", start: 64.2 },
    ];
    expect(keyChanges(keys)).toBe("C major, then F♯ minor from 1:04");
    expect(keyChanges(undefined)).toBe("");
  });

  it("writes shares and the form", () => {
    expect([0.914, 0.999, 0.02].map(shareText)).toEqual([".91", "1.0", ".02"]);
    const section = (label: string) => ({ label, start: 0, end: 1, confidence: 1 });
    expect(formText(["A", "A", "B", "A"].map(section))).toBe("A B A");
  });
});

describe("waveforms", () => {
  it("are read as the server writes them", () => {
    const bytes = new Uint8Array(24 + 2 * 4);
    const view = new DataView(bytes.buffer);
    [2, 1, 44_100, 256, 2, 2].forEach((value, index) => view.setInt32(index * 4, value, true));
    [-64, 32, -128, 64, 0, 127, -1, 0].forEach((value, index) => view.setInt8(24 + index, value));
    const waveform = new Waveform(parsePeaksHeader(bytes));
    waveform.add(bytes.subarray(24, 28));
    expect(waveform.isComplete).toBe(false);
    waveform.add(bytes.subarray(28));
    expect([...waveform.low]).toEqual([-1, -1 / 128]);
    expect([...waveform.high]).toEqual([0.5, 127 / 128]);
    expect(waveform.column(0, 512 / 44_100)).toMatchObject({ low: -1, high: 127 / 128 });
  });
});

describe("the view", () => {
  it("stays within the song, and keeps what is under the pointer", () => {
    expect(clampView({ start: -3, end: 5 }, 100)).toEqual({ start: 0, end: 8 });
    expect(clampView({ start: 95, end: 105 }, 100)).toEqual({ start: 90, end: 100 });
    expect(zoom({ start: 10, end: 20 }, 2, 12, 100)).toEqual({ start: 11, end: 16 });
  });

  it("turns the page when the playhead leaves it", () => {
    const view = { start: 10, end: 20 };
    expect(follow(view, 19.9, 100)).toBe(view);
    expect(follow(view, 20, 100).start).toBeCloseTo(19.7);
  });
});

it("takes a tempo from four taps", () => {
  expect(tappedTempo([0, 500, 1000])).toBeNull();
  expect(tappedTempo([0, 500, 1000, 1500])).toBeCloseTo(120);
});
