/** What the page, the feeder's worker and the mixer's worklet tell each other. */

/** Samples of one channel in a block. */
export const BLOCK = 2048;
/** Blocks that the feeder may be ahead of the mixer. */
export const AHEAD = 10;

/** Where in the song a part of a block comes from. */
export interface Mark {
  /** Its first sample in the block. */
  readonly at: number;
  /** The same sample in the song. */
  readonly position: number;
}

/** The next samples of all sources, which therefore cannot drift apart. */
export interface Block {
  readonly generation: number;
  readonly marks: readonly Mark[];
  /** Samples of one channel that count; fewer than `BLOCK` at the end of the song. */
  readonly count: number;
  readonly isLast: boolean;
  /** Left and right of each source in turn, `BLOCK` samples each. */
  readonly samples: Float32Array<ArrayBuffer>;
}

/** How the mixer changes to a new generation of blocks. */
export interface Change {
  readonly generation: number;
  /** Continue at the place that plays now (a loop was changed); else jump to the first block. */
  readonly isJoin: boolean;
}

export interface Loop {
  /** First sample, and one past the last. */
  readonly start: number;
  readonly end: number;
}

export interface FeedSource {
  readonly address: string;
  /** Bytes of the file, or `null` if the server has to tell. */
  readonly size: number | null;
}

export type ToFeeder =
  | { readonly kind: "open"; readonly sources: readonly FeedSource[]; readonly port: MessagePort }
  | {
      readonly kind: "seek";
      readonly generation: number;
      readonly position: number;
      readonly loop: Loop | null;
    }
  | { readonly kind: "address"; readonly source: number; readonly address: string }
  | { readonly kind: "close" };

export type FromFeeder =
  | {
      readonly kind: "opened";
      readonly sampleRate: number;
      readonly samples: number;
    }
  /** A signed address has run out; the page answers with `address`. */
  | { readonly kind: "expired"; readonly source: number }
  | { readonly kind: "failed"; readonly message: string };

export type ToMixer =
  | {
      readonly kind: "sources";
      readonly stems: number;
      readonly hasOriginal: boolean;
      readonly port: MessagePort;
    }
  | { readonly kind: "change"; readonly change: Change }
  | { readonly kind: "playing"; readonly playing: boolean }
  /** Left and right gain of each stem. */
  | { readonly kind: "gains"; readonly gains: Float32Array }
  | { readonly kind: "hear"; readonly original: boolean }
  /** Notes that a stem is heard as; `null` for its audio. */
  | { readonly kind: "notes"; readonly notes: StemNotes | null };

/** Notes of a stem, as the mixer plays them. */
export interface StemNotes {
  /** Index of the stem. */
  readonly stem: number;
  readonly isDrums: boolean;
  /** Start and end in seconds, MIDI pitch and velocity of each note in turn, in order of starts. */
  readonly notes: Float64Array;
}

/** Sent about 40 times a second while the mixer plays, and after each change. */
export interface MixerReport {
  readonly generation: number;
  /** Sample of the song that is played next. */
  readonly position: number;
  /** Time of the audio context at which it is, in seconds. */
  readonly time: number;
  readonly playing: boolean;
  readonly hasEnded: boolean;
  /** The mixer waits for samples. */
  readonly isStarved: boolean;
  /** Highest samples since the last report: left and right of each stem. */
  readonly levels: Float32Array;
  /** Gain in dB that matches the original to the stems. */
  readonly match: number;
}
