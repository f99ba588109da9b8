import { syncCommand } from "./sync-command";
import { expect, test } from "vitest";
import type { Schemas } from "../data/api";
import { wavFile } from "../parts/wav";
import { fileGroups, missingText, savedName, selectionName, stemsOf } from "./files";
import { DEFAULT_OPTIONS, exportParams, kitSources, namesProblem, optionsOf } from "./params";
import { PRESET_GROUPS } from "./presets";

type Artifact = Schemas["Artifact"];

function artifact(kind: Artifact["kind"], name: string, extra: Partial<Artifact> = {}): Artifact {
  return {
    id: `${kind}-${name}-${extra.created ?? ""}`,
    kind,
    name,
    media_type: "application/octet-stream",
    created: "2026-01-01T00:00:00Z",
    job: null,
    sha256: "",
    size: 1,
    subject: { kind: "item", id: "item" },
    ...extra,
  };
}

test("what is left as it is by default is not sent", () => {
  for (const { preset } of PRESET_GROUPS.flatMap(({ presets }) => presets))
    expect(exportParams(preset, DEFAULT_OPTIONS, true)).toEqual({ preset });
});

test("only options of the preset are sent", () => {
  const options = {
    ...DEFAULT_OPTIONS,
    names: "{name}",
    everyBeat: true,
    stepsPerBeat: 3,
    format: "mp3",
    bpm: 124,
    trim: true,
    kitSource: "keys",
    without: ["vocals"],
    click: true,
    countInBars: 1,
    aiff: true,
  } as const;
  expect(exportParams("midi", options, true)).toEqual({
    preset: "midi",
    names: "{name}",
    every_beat: true,
    quantise: { steps_per_beat: 3 },
  });
  expect(exportParams("mixdown", options, true)).toEqual({
    preset: "mixdown",
    names: "{name}",
    mixdown: { without: ["vocals"], click: true, count_in_bars: 1 },
  });
  expect(exportParams("samples", options, false)).toEqual({
    preset: "samples",
    names: "{name}",
    samples: { format: "mp3" },
    processing: { bpm: 124, trim: true },
  });
  expect(exportParams("sfz", options, false)).toEqual({
    preset: "sfz",
    names: "{name}",
    kit: { source: "keys" },
  });
});

test("a kit is made only of what its format and its subject have", () => {
  expect(kitSources("drumrack", true)).toEqual(["hits", "loop"]);
  expect(kitSources("sfz", false)).toEqual(["hits", "keys"]);
  const options = { ...DEFAULT_OPTIONS, kitSource: "keys", pads: 8 } as const;
  expect(exportParams("hydrogen", options, true)).toEqual({ preset: "hydrogen", kit: { pads: 8 } });
  expect(exportParams("hydrogen", options, false)).toEqual({ preset: "hydrogen" });
});

test("a template of names is checked before it is sent", () => {
  expect(namesProblem("{number} {name}")).toBe("");
  expect(namesProblem("{artist}")).not.toBe("");
  expect(namesProblem("a/b")).not.toBe("");
  expect(optionsOf("karaoke")).toEqual(new Set(["names"]));
});

test("files come by group, each name once, the newest", () => {
  const groups = fileGroups([
    artifact("lyrics", "lyrics.lrc"),
    artifact("lyrics", "lyrics.lrc", { created: "2026-02-01T00:00:00Z" }),
    artifact("stem", "vocals.flac", { stem: "vocals" }),
    artifact("original", "song.mp3"),
    artifact("canonical", "canonical.flac"),
    artifact("peaks", "peaks.dat"),
    artifact("bundle", "stems.zip"),
  ]);
  expect(groups.map(({ title }) => title)).toEqual(["Sound", "Stems", "Lyrics"]);
  expect(groups[0]?.files.map(({ label }) => label)).toEqual([
    "FLAC, as Cratedig stores it",
    "As it arrived",
  ]);
  expect(groups[1]?.files[0]?.label).toBe("Vocals, FLAC");
  expect(groups[2]?.files).toHaveLength(1);
  expect(groups[2]?.files[0]?.artifact.created).toBe("2026-02-01T00:00:00Z");
  expect(savedName("AC/DC.wav", artifact("bundle", "stems.zip"))).toBe("AC_DC – stems.zip");
  expect(savedName("Song.mp3", artifact("original", "original.bin"))).toBe("Song.mp3");
});

test("what a bundle will lack is said before it is made", () => {
  const stems = [
    artifact("stem", "a.flac", { stem: "vocals" }),
    artifact("stem", "mix.flac", { stem: "mix" }),
  ];
  expect(stemsOf(stems)).toEqual(["vocals"]);
  expect(missingText("stems", stems)).toBe("");
  expect(missingText("stems", [])).toContain("no stems");
  expect(missingText("midi", stems)).toContain("no notes");
  expect(missingText("sfz", stems)).toContain("Nothing was cut");
  expect(selectionName(new Date(2026, 10, 30, 14, 5))).toBe("Selection, 30 Nov, 14:05");
});

test("a WAV file holds samples of 24 bits as they were stored", () => {
  const left = Float32Array.of(0, 1 / 2 ** 23, -1, 1);
  const file = wavFile([left, left], 48_000);
  const view = new DataView(file.buffer);
  expect(new TextDecoder().decode(file.subarray(0, 4))).toBe("RIFF");
  expect(view.getUint32(4, true)).toBe(file.length - 8);
  expect(view.getUint16(22, true)).toBe(2);
  expect(view.getUint32(24, true)).toBe(48_000);
  expect(view.getUint32(40, true)).toBe(24);
  const sample = (frame: number): number => {
    const at = 44 + frame * 6;
    return (
      ((view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getInt8(at + 2) << 16)) << 8) >> 8
    );
  };
  expect([0, 1, 2, 3].map(sample)).toEqual([0, 1, -(2 ** 23), 2 ** 23 - 1]);
});

test("the command of a synced folder names the collection, or its id where shells would change it", () => {
  const command = (name: string): string => syncCommand({ id: "0197f3a2", name });
  expect(syncCommand()).toBe("cratedig sync ~/Music/Cratedig");
  expect(command("Dusty Drums (1)")).toBe('cratedig sync ~/Music/Cratedig "Dusty Drums (1)"');
  for (const name of ['a"b', "$HOME", "`id`", "-x", "100 %"])
    expect(command(name)).toBe("cratedig sync ~/Music/Cratedig 0197f3a2");
});
