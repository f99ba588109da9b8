/** The files of an item that a person may want, by kind, with names for each. */
import type { Schemas } from "../data/api";
import { baseName } from "../parts/format";
import { KITS, type Preset } from "./presets";

type Artifact = Schemas["Artifact"];

export interface FileRow {
  readonly artifact: Artifact;
  readonly label: string;
}

export interface FileGroup {
  readonly title: string;
  readonly files: readonly FileRow[];
}

const GROUPS: readonly { readonly title: string; readonly kinds: readonly Artifact["kind"][] }[] = [
  { title: "Sound", kinds: ["canonical", "original"] },
  { title: "Stems", kinds: ["stem"] },
  { title: "Notes", kinds: ["midi", "notes"] },
  { title: "Lyrics", kinds: ["lyrics"] },
  { title: "Analysis", kinds: ["analysis", "tags", "slices"] },
];

const LYRICS: Readonly<Record<string, string>> = {
  "lyrics.lrc": "LRC, by line",
  "lyrics-words.lrc": "LRC, by word",
  "lyrics.srt": "SRT subtitles",
  "lyrics.vtt": "WebVTT subtitles",
  "lyrics.txt": "Text",
  "lyrics.json": "JSON, with times and confidence",
};

/** Return the newest file of each name, by group; groups without files are left out. */
export function fileGroups(artifacts: readonly Artifact[]): readonly FileGroup[] {
  const newest = new Map<string, Artifact>();
  for (const artifact of [...artifacts].sort((a, b) => a.created.localeCompare(b.created)))
    newest.set(`${artifact.kind} ${artifact.stem ?? ""} ${artifact.name}`, artifact);
  return GROUPS.map(({ title, kinds }) => ({
    title,
    files: [...newest.values()]
      .filter(({ kind }) => kinds.includes(kind))
      .sort(
        (a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || order(a).localeCompare(order(b)),
      )
      .map((artifact) => ({ artifact, label: fileLabel(artifact) })),
  })).filter(({ files }) => files.length > 0);
}

function order({ stem, name }: Artifact): string {
  return `${stem ?? ""} ${name}`;
}

/** Return what a file is, for people: `Vocals, FLAC`, `LRC, by line`. */
export function fileLabel({ kind, stem, name }: Artifact): string {
  const suffix = name.slice(name.lastIndexOf(".") + 1).toUpperCase();
  const part = stem ? stem.charAt(0).toUpperCase() + stem.slice(1) : "";
  switch (kind) {
    case "canonical":
      return "FLAC, as Cratedig stores it";
    case "original":
      return "As it arrived";
    case "lyrics":
      return LYRICS[name] ?? suffix;
    case "midi":
      return part ? `${part}, MIDI` : "MIDI";
    case "stem":
    case "notes":
      return part ? `${part}, ${suffix}` : suffix;
    default:
      return name;
  }
}

/** Return a name to save a file as, which all systems allow: that of the item, and the file's own. */
export function savedName(item: string, { kind, name }: Pick<Artifact, "kind" | "name">): string {
  const text = kind === "original" ? item : `${baseName(item)} – ${name}`;
  return text.replace(/[/\\:*?"<>|]/g, "_");
}

/** Return a name for the collection of a selection: `Selection, 30 Nov, 14:05`. */
export function selectionName(now: Date): string {
  const day = now.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  const time = now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return `Selection, ${day}, ${time}`;
}

/** Return the names of the stems among files. */
export function stemsOf(artifacts: readonly Artifact[]): readonly string[] {
  const stems = artifacts.flatMap(({ kind, stem }) => (kind === "stem" && stem ? [stem] : []));
  return [...new Set(stems)].filter((stem) => stem !== "mix").sort();
}

/** Return what a bundle will lack because the item has not been taken apart so far; empty if nothing. */
export function missingText(preset: Preset, artifacts: readonly Artifact[]): string {
  const kinds = new Set(artifacts.map(({ kind }) => kind));
  if (preset === "midi" && !kinds.has("notes")) return "There are no notes yet: MIDI has not run.";
  if (preset === "karaoke" && !kinds.has("lyrics"))
    return "There are no lyrics yet, so the bundle holds no words.";
  if ((preset === "stems" || preset === "dawproject") && !kinds.has("stem"))
    return "There are no stems yet, so the bundle holds the whole recording as one track.";
  if ((KITS.has(preset) || preset === "loops") && !kinds.has("slices"))
    return "Nothing was cut from this yet, so the whole sound is used.";
  return "";
}
