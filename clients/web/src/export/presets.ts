/** The bundles that the task `export` writes, as a person chooses among them. */

export type Preset =
  | "stems"
  | "dawproject"
  | "midi"
  | "karaoke"
  | "mixdown"
  | "samples"
  | "drumrack"
  | "sfz"
  | "decent"
  | "multisample"
  | "hydrogen"
  | "loops";

export interface PresetFacts {
  readonly preset: Preset;
  readonly label: string;
  /** What is in the bundle. */
  readonly content: string;
  /** How it is opened. */
  readonly opens: string;
  /** Left out for collections. */
  readonly onlyItems?: boolean;
}

export interface PresetGroup {
  readonly title: string;
  readonly presets: readonly PresetFacts[];
}

export const PRESET_GROUPS: readonly PresetGroup[] = [
  {
    title: "For a DAW",
    presets: [
      {
        preset: "stems",
        label: "Stems and MIDI",
        content: "A WAV file of 24 bits for each stem, all of one length, song.mid and markers.",
        opens: "Any DAW. README.txt inside says where to drag the files.",
      },
      {
        preset: "dawproject",
        label: "DAWproject",
        content: "One project with tracks, notes, tempo, sections and lyrics as markers.",
        opens: "Bitwig Studio 5, Studio One 6.5, Cubase 14 or later: open the file.",
      },
      {
        preset: "midi",
        label: "MIDI files",
        content: "The notes of the song and of each stem, as played and quantised.",
        opens: "Any DAW or notation program.",
      },
      {
        preset: "loops",
        label: "Loops",
        content: "Loops as WAV files with tempo, key and hits, and the groove of each as MIDI.",
        opens: "Reaper, ACID, Cubase, FL Studio and others that read a loop's tempo.",
      },
    ],
  },
  {
    title: "For a sampler",
    presets: [
      {
        preset: "drumrack",
        label: "Ableton Drum Rack",
        content: "A kit as .adg with its samples.",
        opens: "Ableton Live 12: drag the .adg file onto a MIDI track.",
      },
      {
        preset: "sfz",
        label: "SFZ",
        content: "A kit or an instrument as .sfz with its samples.",
        opens: "Sforzando, sfizz, liquidsfz and other players of SFZ.",
      },
      {
        preset: "decent",
        label: "DecentSampler",
        content: "A kit or an instrument as .dspreset with its samples.",
        opens: "DecentSampler in any DAW.",
      },
      {
        preset: "multisample",
        label: "Multisample",
        content: "A kit or an instrument as .multisample.",
        opens: "Bitwig Studio and Studio One: drag it onto an instrument track.",
      },
      {
        preset: "hydrogen",
        label: "Hydrogen",
        content: "A kit as .h2drumkit.",
        opens: "Hydrogen: import it as a drumkit.",
      },
    ],
  },
  {
    title: "Other",
    presets: [
      {
        preset: "samples",
        label: "Samples",
        content: "Tagged WAV, FLAC or MP3 files in folders by class.",
        opens: "Any sampler, DAW or browser of samples.",
      },
      {
        preset: "mixdown",
        label: "Stereo mix",
        content: "One WAV file of the stems, or of the sounds of a collection.",
        opens: "Any player. With a count-in and a click it is made for rehearsals.",
      },
      {
        preset: "karaoke",
        label: "Karaoke",
        content: "The song without its voice, and its words as LRC and .kar.",
        opens: "Players that show LRC or .kar.",
        onlyItems: true,
      },
    ],
  },
];

const ALL = PRESET_GROUPS.flatMap((group) => group.presets);

/** Return what is known of a preset. */
export function presetFacts(preset: string): PresetFacts | undefined {
  return ALL.find((facts) => facts.preset === preset);
}

/** Presets that write a kit. */
export const KITS: ReadonlySet<Preset> = new Set([
  "drumrack",
  "sfz",
  "decent",
  "multisample",
  "hydrogen",
]);
/** Kits whose samples can be mapped to ranges of keys. */
export const KEYED: ReadonlySet<Preset> = new Set(["sfz", "decent", "multisample"]);
