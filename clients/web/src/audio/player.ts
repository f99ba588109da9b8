/** The single player that the transport shows. Exactly one sound plays at a time. */
import { createStore, type Store } from "../data/store";

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
  /** Return the peaks of the whole sound, or `null` if there are none. */
  peaks?(): Promise<Peaks | null>;
  /** Page of the sound, for the link in the transport. */
  readonly href?: string;
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
}

/** Sounds before and after the current one, for the transport's buttons. */
export interface Neighbours {
  previous?(): void;
  next?(): void;
}

export interface Player {
  readonly state: Store<PlayerState>;
  readonly neighbours: Store<Neighbours>;
  /** Seconds since the start of the sound, by audio time; read it in each frame. */
  position(): number;
  /** Peak level of the left and right channel, 0…1; read it in each frame. */
  levels(): readonly [number, number];
  /** Load a sound and play it unless `play` is false. */
  load(sound: Sound, options?: { play?: boolean; at?: number }): Promise<void>;
  play(): Promise<void>;
  pause(): void;
  seek(seconds: number): void;
  setLoop(loop: boolean): void;
  setVolume(volume: number): void;
  /** Stop and forget the sound. */
  clear(): void;
}

const VOLUME_KEY = "cratedig.volume";

class ElementPlayer implements Player {
  readonly state = createStore<PlayerState>({
    sound: null,
    playing: false,
    duration: 0,
    loop: false,
    volume: storedVolume(),
    blocked: false,
    problem: null,
  });
  readonly neighbours = createStore<Neighbours>({});
  readonly #element = new Audio();

  constructor() {
    const element = this.#element;
    element.volume = this.state.get().volume;
    element.addEventListener("playing", () => this.#patch({ playing: true, blocked: false }));
    element.addEventListener("pause", () => this.#patch({ playing: false }));
    element.addEventListener("durationchange", () => {
      if (Number.isFinite(element.duration)) this.#patch({ duration: element.duration });
    });
    element.addEventListener("error", () => {
      if (this.state.get().sound && element.src)
        this.#patch({ playing: false, problem: "Cannot be played: the file did not load." });
    });
  }

  position(): number {
    return this.#element.currentTime;
  }

  levels(): readonly [number, number] {
    return [0, 0];
  }

  async load(sound: Sound, options: { play?: boolean; at?: number } = {}): Promise<void> {
    this.#element.pause();
    this.#patch({ sound, playing: false, duration: sound.duration ?? 0, problem: null });
    let address: string;
    try {
      address = await sound.address();
    } catch {
      this.#patch({ problem: "Cannot be played: the file is no longer in the store." });
      return;
    }
    if (this.state.get().sound !== sound) return;
    this.#element.src = address;
    if (options.at) this.#element.currentTime = options.at;
    if (options.play ?? true) await this.play();
  }

  async play(): Promise<void> {
    if (!this.state.get().sound) return;
    try {
      await this.#element.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError")
        this.#patch({ blocked: true });
    }
  }

  pause(): void {
    this.#element.pause();
  }

  seek(seconds: number): void {
    this.#element.currentTime = Math.max(0, Math.min(seconds, this.state.get().duration));
  }

  setLoop(loop: boolean): void {
    this.#element.loop = loop;
    this.#patch({ loop });
  }

  setVolume(volume: number): void {
    this.#element.volume = volume;
    localStorage.setItem(VOLUME_KEY, String(volume));
    this.#patch({ volume });
  }

  clear(): void {
    this.#element.pause();
    this.#element.removeAttribute("src");
    this.#patch({ sound: null, playing: false, duration: 0, problem: null });
  }

  #patch(change: Partial<PlayerState>): void {
    this.state.set((state) => ({ ...state, ...change }));
  }
}

function storedVolume(): number {
  const stored = Number(localStorage.getItem(VOLUME_KEY) ?? "0.72");
  return stored >= 0 && stored <= 1 ? stored : 0.72;
}

export const player: Player = new ElementPlayer();
