/**
 * A small synthesizer whose samples depend on the position in the song alone, so that jumps and
 * loops need no state: one wave table for pitches, and sines and noise for drums.
 */

/** Seconds over which a pitch fades in, and out after its end. */
const ATTACK = 0.004;
const RELEASE = 0.06;
/** A struck pitch falls to this share, by 63 % of the way in so many seconds. */
const SUSTAIN = 0.55;
const DECAY = 0.35;
const TABLE = 2048;
/** Samples of a bucket of the index. */
const BUCKET = 8192;
const AMPLITUDE = 0.16;
/** A drum has ended after so many of its decay times. */
const DRUM_DECAYS = 7;

interface Drum {
  /** Seconds in which it falls to 37 %. */
  readonly decay: number;
  /** Return its sample a time after its start in seconds, before it decays. */
  readonly sound: (seconds: number, index: number) => number;
}

const tone = (hertz: number, sweep: number, settle: number) => (seconds: number) =>
  Math.sin(2 * Math.PI * (hertz * seconds + sweep * settle * (1 - Math.exp(-seconds / settle))));
const sizzle = (_: number, index: number): number => (noise(index) - noise(index - 1)) * 0.6;
const body = tone(185, 60, 0.02);

const KICK: Drum = { decay: 0.14, sound: tone(48, 130, 0.03) };
const SNARE: Drum = {
  decay: 0.1,
  sound: (seconds, index) => 0.5 * body(seconds) + 0.6 * noise(index),
};
const CLAP: Drum = { decay: 0.09, sound: (_, index) => 0.9 * noise(index) };
const RIM: Drum = { decay: 0.02, sound: tone(1650, 0, 1) };
const CLOSED_HAT: Drum = { decay: 0.03, sound: sizzle };
const OPEN_HAT: Drum = { decay: 0.18, sound: sizzle };
const CYMBAL: Drum = { decay: 0.45, sound: sizzle };
const SHAKEN: Drum = { decay: 0.07, sound: sizzle };
const TOM: Drum = { decay: 0.18, sound: tone(95, 50, 0.05) };

/** Drums by their General MIDI note. */
const DRUMS: ReadonlyMap<number, Drum> = new Map([
  ...[35, 36].map((pitch) => [pitch, KICK] as const),
  ...[38, 40].map((pitch) => [pitch, SNARE] as const),
  ...[41, 43, 45, 47, 48, 50].map((pitch) => [pitch, TOM] as const),
  ...[42, 44].map((pitch) => [pitch, CLOSED_HAT] as const),
  ...[49, 51, 52, 53, 55, 57, 59].map((pitch) => [pitch, CYMBAL] as const),
  [37, RIM],
  [39, CLAP],
  [46, OPEN_HAT],
]);

/** White noise in -1…1, the same at each call for an index. */
export function noise(index: number): number {
  let hash = Math.imul(index ^ 0x9e3779b9, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) | 0) / 0x80000000;
}

const WAVE = (() => {
  const harmonics = [1, 0.42, 0.2, 0.09, 0.05];
  const table = new Float32Array(TABLE + 1);
  for (let at = 0; at <= TABLE; at += 1)
    table[at] = harmonics.reduce(
      (sum, level, order) => sum + level * Math.sin((2 * Math.PI * (order + 1) * at) / TABLE),
      0,
    );
  return table;
})();

interface Voice {
  /** First sample, and one past the last that sounds. */
  readonly from: number;
  readonly until: number;
  readonly level: number;
  sample(index: number): number;
}

export class Synth {
  readonly #buckets = new Map<number, Voice[]>();

  /** @param notes start and end in seconds, pitch and velocity of each note in turn. */
  constructor(notes: Float64Array, sampleRate: number, { isDrums }: { readonly isDrums: boolean }) {
    for (let at = 0; at + 3 < notes.length; at += 4) {
      const [start = 0, end = 0, pitch = 0, velocity = 0] = notes.subarray(at, at + 4);
      const level = AMPLITUDE * (velocity / 127) ** 1.5;
      const from = Math.round(start * sampleRate);
      const voice = isDrums
        ? drumVoice(from, DRUMS.get(pitch) ?? SHAKEN, level, sampleRate)
        : pitchVoice(from, Math.round(end * sampleRate), pitch, level, sampleRate);
      const last = Math.floor((voice.until - 1) / BUCKET);
      for (let bucket = Math.floor(from / BUCKET); bucket <= last; bucket += 1) {
        const voices = this.#buckets.get(bucket);
        if (voices) voices.push(voice);
        else this.#buckets.set(bucket, [voice]);
      }
    }
  }

  /** Write the samples from a position in the song on. */
  render(target: Float32Array, count: number, position: number): void {
    target.fill(0, 0, count);
    for (let done = 0; done < count;) {
      const at = position + done;
      const bucket = Math.floor(at / BUCKET);
      const run = Math.min(count - done, (bucket + 1) * BUCKET - at);
      for (const voice of this.#buckets.get(bucket) ?? []) {
        const first = Math.max(at, voice.from);
        const last = Math.min(at + run, voice.until);
        for (let sample = first; sample < last; sample += 1) {
          const index = sample - position;
          target[index] = (target[index] ?? 0) + voice.level * voice.sample(sample - voice.from);
        }
      }
      done += run;
    }
  }
}

function drumVoice(from: number, drum: Drum, level: number, sampleRate: number): Voice {
  const length = Math.ceil(drum.decay * DRUM_DECAYS * sampleRate);
  return {
    ...{ from, until: from + length, level: level * 2 },
    sample: (index) => {
      const seconds = index / sampleRate;
      return drum.sound(seconds, index) * Math.exp(-seconds / drum.decay);
    },
  };
}

function pitchVoice(
  from: number,
  end: number,
  pitch: number,
  level: number,
  sampleRate: number,
): Voice {
  const step = (440 * 2 ** ((pitch - 69) / 12)) / sampleRate;
  const [attack, release] = [ATTACK * sampleRate, RELEASE * sampleRate];
  const held = Math.max(1, end - from);
  return {
    ...{ from, until: from + held + Math.ceil(release), level },
    sample: (index) => {
      const phase = (index * step) % 1;
      const at = phase * TABLE;
      const whole = Math.floor(at);
      const before = WAVE[whole] ?? 0;
      const value = before + ((WAVE[whole + 1] ?? 0) - before) * (at - whole);
      const struck = SUSTAIN + (1 - SUSTAIN) * Math.exp(-index / (DECAY * sampleRate));
      const rise = Math.min(1, index / attack);
      const fall = index < held ? 1 : Math.max(0, 1 - (index - held) / release);
      return value * struck * rise * fall;
    },
  };
}
