/** Short sounds: decoded as a whole, kept while there is room, and switched without a click. */
import type { Output } from "./output";

/** Seconds up to which a sound is decoded as a whole. */
export const MAX_SAMPLE_SECONDS = 30;
/** Seconds over which the sound before fades out. */
const FADE = 0.008;
const CACHE_BYTES = 96 * 2 ** 20;

/** Decoded sounds by key; the least recently used ones are dropped. */
export class BufferCache {
  readonly #buffers = new Map<string, AudioBuffer>();
  #bytes = 0;

  constructor(private readonly maxBytes = CACHE_BYTES) {}

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): AudioBuffer | undefined {
    const buffer = this.#buffers.get(key);
    if (buffer) {
      this.#buffers.delete(key);
      this.#buffers.set(key, buffer);
    }
    return buffer;
  }

  set(key: string, buffer: AudioBuffer): void {
    const before = this.#buffers.get(key);
    if (before) this.#bytes -= sizeOf(before);
    this.#buffers.delete(key);
    this.#buffers.set(key, buffer);
    this.#bytes += sizeOf(buffer);
    for (const [oldest, dropped] of this.#buffers) {
      if (this.#bytes <= this.maxBytes || oldest === key) break;
      this.#buffers.delete(oldest);
      this.#bytes -= sizeOf(dropped);
    }
  }
}

function sizeOf(buffer: { length: number; numberOfChannels: number }): number {
  return buffer.length * buffer.numberOfChannels * 4;
}

interface Voice {
  readonly source: AudioBufferSourceNode;
  readonly gain: GainNode;
  /** Time of the context at which the start of the sound would have been heard. */
  readonly origin: number;
}

export class SamplePlayer {
  readonly #cache = new BufferCache();
  readonly #loading = new Map<string, Promise<AudioBuffer>>();
  #buffer: AudioBuffer | null = null;
  #voice: Voice | null = null;
  #held = 0;
  #loop = false;

  /** @param onEnd is called when a sound has played to its end. */
  constructor(
    private readonly output: Output,
    private readonly onEnd: () => void,
  ) {}

  /** Fetch and decode a sound, unless it is here already. */
  async prepare(key: string, address: () => Promise<string>): Promise<AudioBuffer> {
    const cached = this.#cache.get(key);
    if (cached) return cached;
    let loading = this.#loading.get(key);
    if (!loading) {
      loading = this.#fetch(key, address).finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  /** Choose the sound; returns its length in seconds. */
  use(buffer: AudioBuffer, at: number): number {
    this.#fadeOut();
    this.#buffer = buffer;
    this.#held = at;
    return buffer.duration;
  }

  get isPlaying(): boolean {
    return this.#voice !== null;
  }

  start(): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    this.#fadeOut();
    const { context, volume } = this.output.open();
    const gain = new GainNode(context, { gain: 1 });
    const source = new AudioBufferSourceNode(context, { buffer, loop: this.#loop });
    source.connect(gain).connect(volume);
    const offset = this.#held >= buffer.duration ? 0 : this.#held;
    source.start(0, offset);
    const voice = { source, gain, origin: context.currentTime - offset };
    source.onended = () => {
      if (this.#voice !== voice) return;
      this.#voice = null;
      this.#held = buffer.duration;
      this.onEnd();
    };
    this.#voice = voice;
  }

  stop(): void {
    this.#held = this.position();
    this.#fadeOut();
  }

  seek(seconds: number): void {
    const wasPlaying = this.isPlaying;
    this.#fadeOut();
    this.#held = seconds;
    if (wasPlaying) this.start();
  }

  setLoop(loop: boolean): void {
    this.#held = this.position();
    this.#loop = loop;
    if (this.#voice) this.start();
  }

  position(): number {
    const [context, buffer] = [this.output.context, this.#buffer];
    if (!this.#voice || !context || !buffer) return this.#held;
    const played = Math.max(0, context.currentTime - this.#voice.origin);
    return this.#loop ? played % buffer.duration : Math.min(played, buffer.duration);
  }

  #fadeOut(): void {
    const [voice, context] = [this.#voice, this.output.context];
    this.#voice = null;
    if (!voice || !context) return;
    const now = context.currentTime;
    voice.gain.gain.setValueAtTime(1, now);
    voice.gain.gain.linearRampToValueAtTime(0, now + FADE);
    voice.source.stop(now + FADE);
  }

  async #fetch(key: string, address: () => Promise<string>): Promise<AudioBuffer> {
    const response = await fetch(await address());
    if (!response.ok) throw new Error(`the store answered ${response.status}`);
    const { context } = this.output.open();
    const buffer = await context.decodeAudioData(await response.arrayBuffer());
    this.#cache.set(key, buffer);
    return buffer;
  }
}
