/** The options of a bundle, and the job's parameters that they make. */
import { KEYED, KITS, type Preset } from "./presets";

export interface ExportOptions {
  /** Template of file names. */
  readonly names: string;
  /** Whether each beat has a tempo of its own. */
  readonly everyBeat: boolean;
  /** Steps of a beat to which quantised notes are moved. */
  readonly stepsPerBeat: number;
  readonly format: "wav" | "flac" | "mp3";
  /** Tempo that loops are fitted to; null leaves it. */
  readonly bpm: number | null;
  /** Whether silence at both ends is cut off. */
  readonly trim: boolean;
  readonly kitSource: "hits" | "keys" | "loop";
  readonly pads: number;
  readonly without: readonly string[];
  readonly matchLoudness: boolean;
  readonly countInBars: number;
  readonly click: boolean;
  readonly aiff: boolean;
}

export const DEFAULT_OPTIONS: ExportOptions = {
  names: "{bpm}_{class}_{name}_{key}",
  everyBeat: false,
  stepsPerBeat: 4,
  format: "wav",
  bpm: null,
  trim: false,
  kitSource: "hits",
  pads: 16,
  without: [],
  matchLoudness: false,
  countInBars: 0,
  click: false,
  aiff: false,
};

export const MAX_PADS = 92;
export const MIN_BPM = 20;
export const MAX_BPM = 400;
export const MAX_COUNT_IN_BARS = 4;

const NAME_TEMPLATE = /^([A-Za-z0-9 ._()-]|\{(bpm|class|name|key|number)\}){1,100}$/;

/** Return what is wrong with a template of file names; empty if nothing is. */
export function namesProblem(names: string): string {
  return NAME_TEMPLATE.test(names)
    ? ""
    : "Use letters, digits, spaces, . _ ( ) - and {bpm}, {class}, {name}, {key}, {number}.";
}

/** The groups of options that a preset has. */
export function optionsOf(preset: Preset): ReadonlySet<keyof ExportOptions> {
  if (preset === "stems" || preset === "dawproject") return new Set(["names", "everyBeat"]);
  if (preset === "midi") return new Set(["names", "everyBeat", "stepsPerBeat"]);
  if (preset === "mixdown")
    return new Set(["names", "without", "matchLoudness", "countInBars", "click"]);
  if (preset === "samples") return new Set(["names", "format", "bpm", "trim"]);
  if (preset === "loops") return new Set(["names", "bpm", "aiff"]);
  if (KITS.has(preset)) return new Set(["names", "kitSource", "pads"]);
  return new Set(["names"]);
}

/** What a kit of a preset can be made of. */
export function kitSources(preset: Preset, isItem: boolean): readonly ExportOptions["kitSource"][] {
  return [
    "hits",
    ...(KEYED.has(preset) ? (["keys"] as const) : []),
    ...(isItem ? ["loop" as const] : []),
  ];
}

/**
 * Return the parameters of an export. What is left as it is by default is left out, so that a bundle
 * that was made before is found again.
 */
export function exportParams(
  preset: Preset,
  options: ExportOptions,
  isItem: boolean,
): Record<string, unknown> {
  const shown = optionsOf(preset);
  const changed = <K extends keyof ExportOptions>(name: K): boolean =>
    shown.has(name) && JSON.stringify(options[name]) !== JSON.stringify(DEFAULT_OPTIONS[name]);
  const source = kitSources(preset, isItem).includes(options.kitSource)
    ? options.kitSource
    : "hits";
  const kit = {
    ...(changed("kitSource") && source !== "hits" && { source }),
    ...(changed("pads") && source === "hits" && isItem && { pads: options.pads }),
  };
  const mixdown = {
    ...(changed("without") && { without: [...options.without] }),
    ...(changed("matchLoudness") && { match_loudness: true }),
    ...(changed("countInBars") && { count_in_bars: options.countInBars }),
    ...(changed("click") && { click: true }),
  };
  const processing = {
    ...(changed("bpm") && { bpm: options.bpm }),
    ...(changed("trim") && { trim: true }),
  };
  return {
    preset,
    ...(changed("names") && { names: options.names }),
    ...(changed("everyBeat") && { every_beat: true }),
    ...(changed("stepsPerBeat") && { quantise: { steps_per_beat: options.stepsPerBeat } }),
    ...(changed("format") && { samples: { format: options.format } }),
    ...(changed("aiff") && { loops: { aiff: true } }),
    ...(Object.keys(processing).length > 0 && { processing }),
    ...(Object.keys(kit).length > 0 && { kit }),
    ...(Object.keys(mixdown).length > 0 && { mixdown }),
  };
}
