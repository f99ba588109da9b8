/** The single player that the transport shows. Exactly one sound plays at a time. */
import { createStore, type Store } from "../data/store";
import { FittedSounds } from "./fitted-sounds";
import { changeOf, type Change, type Fit } from "./fitting";
import type { StemNotes } from "./messages";
import { Output } from "./output";
import { MAX_SAMPLE_SECONDS, SamplePlayer } from "./samples";
import { StreamPlayer, type StreamFiles } from "./stream";
import { loudness, storeVolume, storedVolume } from "./volume";

/** Peaks for the transport's waveform: values in -1…1, one entry per column. */
export interface Peaks {
  readonly low: Float32Array;
  readonly high: Float32Array;
}

export interface Sound {
  /** Unique name of what plays: an item id, or `job/preview`. */
  readonly key: string;
  readonly title: string;
  /** Where it comes from: "Low Tide, drums". */
  readonly subtitle: string;
  /** Length in seconds, if it is known before the file is loaded. */
  readonly duration?: number;
  /** Return a signed address of the audio; called each time the file is opened. */
  address(): Promise<string>;
  /** Stems that are played together, in place of `address`. */
  readonly files?: StreamFiles;
  /** Return the peaks of the whole sound, or `null` if there are none. */
  peaks?(): Promise<Peaks | null>;
  /** Page of the sound, for the link in the transport. */
  readonly href?: string;
  /** Its tempo and key; without them it is never fitted. */
  readonly music?: Fit;
}

export interface PlayerState {
  readonly sound: Sound | null;
  readonly playing: boolean;
  /** Length in seconds; 0 until it is known. */
  readonly duration: number;
  readonly loop: boolean;
  /** Volume in 0…1. */
  readonly volume: number;
  /** The browser waits for a gesture before it lets sound out. */
  readonly blocked: boolean;
  /** Why the sound cannot be played, in words; `null` if it can. */
  readonly problem: string | null;
  /** What short sounds are fitted to; `null` if they play as they are. */
  readonly fit: Fit | null;
  /** How the sound that is loaded was changed; `null` if it was not. */
  readonly change: Change | null;
}

/** Sounds before and after the current one, for the transport's buttons. */
export interface Neighbours {
  previous?(): void;
  next?(): void;
}

/** A range in seconds. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Controls of a sound that has stems; without one they do nothing. */
export interface MixControls {
  /** Set the left and right gain of each stem. */
  setGains(gains: Float32Array): void;
  /** Hear the original, as loud as the stems are, or the stems. */
  hear(original: boolean): void;
  /** Hear a stem as notes, as loud as its audio, or all stems as they are. */
  hearNotes(notes: StemNotes | null): void;
  /** Highest samples of the left and right of each stem since the last call. */
  levels(): Float32Array;
  /** Gain in dB by which the original is matched to the stems. */
  match(): number;
}

export interface Player {
  readonly state: Store<PlayerState>;
  readonly neighbours: Store<Neighbours>;
  readonly mix: MixControls;
  /** Seconds since the start of the sound, by audio time; read it in each frame. */
  position(): number;
  /** Peak level of the left and right channel, 0…1; read it in each frame. */
  levels(): readonly [number, number];
  /** Fetch and decode a short sound, so that it starts at once when it is loaded. */
  prepare(sound: Sound): Promise<void>;
  /** Load a sound and play it unless `play` is false. */
  load(sound: Sound, options?: { play?: boolean; at?: number }): Promise<void>;
  play(): Promise<void>;
  pause(): void;
  seek(seconds: number): void;
  setLoop(loop: boolean): void;
  /** Limit the loop to a range; `null` loops the whole sound. */
  setLoopRange(range: Range | null): void;
  setVolume(volume: number): void;
  /** Fit short sounds to a tempo and a key, or play them as they are. */
  setFit(fit: Fit | null): void;
  /** Forget the sound. */
  clear(): void;
}

/** What plays a sound that was opened, and its length in seconds. */
interface Opened {
  readonly engine: SamplePlayer | StreamPlayer;
  readonly duration: number;
}

const GONE = "Cannot be played: the file is no longer in the store.";
const BROKEN = "Cannot be played: the file could not be read.";

class EnginePlayer implements Player {
  readonly state = createStore<PlayerState>({
    sound: null,
    playing: false,
    duration: 0,
    loop: false,
    volume: storedVolume(),
    blocked: false,
    problem: null,
    fit: null,
    change: null,
  });
  readonly neighbours = createStore<Neighbours>({});
  readonly mix: MixControls = {
    setGains: (gains) => this.#stream.setGains(gains),
    hear: (original) => this.#stream.hear(original),
    hearNotes: (notes) => this.#stream.hearNotes(notes),
    levels: () => this.#stream.levels(),
    match: () => this.#stream.match,
  };
  readonly #output = new Output();
  readonly #sample = new SamplePlayer(this.#output, () => this.#patch({ playing: false }));
  readonly #stream = new StreamPlayer(
    this.#output,
    () => this.#patch({ playing: false }),
    () => this.#patch({ playing: false, problem: BROKEN }),
  );
  readonly #fitted = new FittedSounds();
  #engine: SamplePlayer | StreamPlayer | null = null;
  #range: Range | null = null;
  /** Somebody pressed play while the sound was still being opened. */
  #startsWhenOpen = false;

  constructor() {
    this.#output.setVolume(loudness(this.state.get().volume));
  }

  position(): number {
    return this.#engine?.position() ?? 0;
  }

  levels(): readonly [number, number] {
    return this.#output.levels();
  }

  async prepare(sound: Sound): Promise<void> {
    if (isShort(sound)) await this.#buffer(sound, this.#changeOf(sound));
  }

  async load(sound: Sound, options: { play?: boolean; at?: number } = {}): Promise<void> {
    this.#stopEngine();
    this.#range = null;
    this.#startsWhenOpen = options.play ?? true;
    const duration = sound.duration ?? 0;
    const change = isShort(sound) ? this.#changeOf(sound) : null;
    this.#patch({ sound, playing: false, duration, problem: null, change });
    try {
      const loaded = await this.#open(sound, options.at ?? 0);
      if (this.state.get().sound !== sound) return;
      this.#engine = loaded.engine;
      this.#patch({ duration: loaded.duration });
    } catch (error) {
      const isGone = !(error instanceof Error) || error.message === "";
      if (this.state.get().sound === sound) this.#patch({ problem: isGone ? GONE : BROKEN });
      return;
    }
    this.#applyLoop();
    if (this.#startsWhenOpen) await this.play();
  }

  async play(): Promise<void> {
    const { sound } = this.state.get();
    if (!sound) return;
    if (!this.#engine) {
      this.#startsWhenOpen = true;
      return;
    }
    const isAllowed = await this.#output.resume();
    if (this.state.get().sound !== sound) return;
    if (!isAllowed) {
      this.#patch({ blocked: true });
      return;
    }
    this.#engine.start();
    this.#patch({ playing: true, blocked: false });
  }

  pause(): void {
    this.#startsWhenOpen = false;
    this.#engine?.stop();
    this.#patch({ playing: false });
  }

  seek(seconds: number): void {
    this.#engine?.seek(Math.max(0, Math.min(seconds, this.state.get().duration)));
  }

  setLoop(loop: boolean): void {
    this.#patch({ loop });
    this.#applyLoop();
  }

  setLoopRange(range: Range | null): void {
    this.#range = range;
    this.#applyLoop();
  }

  setVolume(volume: number): void {
    this.#output.setVolume(loudness(volume));
    storeVolume(volume);
    this.#patch({ volume });
  }

  setFit(fit: Fit | null): void {
    const { sound, playing, change } = this.state.get();
    this.#patch({ fit });
    if (!sound || !isShort(sound)) return;
    const next = this.#changeOf(sound);
    if (next?.rate === change?.rate && next?.semitones === change?.semitones) return;
    const at = (this.position() * (change?.rate ?? 1)) / (next?.rate ?? 1);
    void this.load(sound, { play: playing, at });
  }

  clear(): void {
    this.#stopEngine();
    this.#patch({ sound: null, playing: false, duration: 0, problem: null });
  }

  async #open(sound: Sound, at: number): Promise<Opened> {
    if (!isShort(sound)) {
      const files = sound.files ?? { stems: [single(sound)], original: null };
      try {
        return { engine: this.#stream, duration: await this.#stream.open(files, at) };
      } catch (error) {
        // A file that is not FLAC can still be decoded as a whole.
        if (sound.files || this.state.get().sound !== sound) throw error;
      }
    }
    const buffer = await this.#buffer(sound, this.state.get().change);
    if (this.state.get().sound !== sound) throw new Error("another sound was loaded");
    return { engine: this.#sample, duration: this.#sample.use(buffer, at) };
  }

  /** Return a decoded sound, fitted where it is to be. */
  async #buffer(sound: Sound, change: Change | null): Promise<AudioBuffer> {
    const buffer = await this.#sample.prepare(sound.key, () => sound.address());
    return change ? this.#fitted.get(sound.key, buffer, change) : buffer;
  }

  #changeOf({ music }: Sound): Change | null {
    const { fit } = this.state.get();
    return fit && music ? changeOf(music, fit) : null;
  }

  #stopEngine(): void {
    this.#engine?.stop();
    this.#stream.close();
    this.#engine = null;
  }

  #applyLoop(): void {
    const { loop, duration } = this.state.get();
    if (this.#engine === this.#sample) this.#sample.setLoop(loop);
    else this.#stream.setLoop(loop ? (this.#range ?? { start: 0, end: duration }) : null);
  }

  #patch(change: Partial<PlayerState>): void {
    this.state.set((state) => ({ ...state, ...change }));
  }
}

function isShort(sound: Sound): boolean {
  return !sound.files && sound.duration !== undefined && sound.duration <= MAX_SAMPLE_SECONDS;
}

function single(sound: Sound) {
  return { size: null, address: () => sound.address() };
}

export const player: Player = new EnginePlayer();
