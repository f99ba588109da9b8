/** Mixes stems sample by sample; runs in the worklet, and needs nothing of it. */
import { BlockQueue, channelStart } from "./block-queue";
import { EnergyMeter } from "./loudness";
import type { Block, Change, MixerReport, StemNotes } from "./messages";
import { NotesVoice } from "./notes-voice";

/** Seconds over which one sound fades into another. */
export const FADE = 0.008;
/** Seconds after which a gain is 63 % of the way to its new value. */
const RAMP = 0.006;
/** Seconds over which the loudness of stems and original are compared. */
const MATCH_SECONDS = 3;
/** The most by which the original is made louder or softer: 12 dB. */
const MAX_MATCH = 4;
/** Energy below which nothing is compared: -70 LUFS. */
const SILENT = 10 ** ((-70 + 0.691) / 10);
/** Samples that the browser asks for at once. */
const QUANTUM = 128;
/** A join that is further away than this is a jump. */
const MAX_JOIN_SECONDS = 1;

type Stereo = readonly [Float32Array, Float32Array];

interface Buses {
  readonly stems: Stereo;
  readonly original: Stereo;
}

function newBuses(): Buses {
  const stereo = (): Stereo => [new Float32Array(QUANTUM), new Float32Array(QUANTUM)];
  return { stems: stereo(), original: stereo() };
}

function channels({ stems, original }: Buses): readonly Float32Array[] {
  return [...stems, ...original];
}

export class StemMixer {
  #current: BlockQueue;
  #next: BlockQueue | null = null;
  #change: Change = { generation: 0, isJoin: false };
  #fading: BlockQueue | null = null;
  #faded = 0;
  readonly #fade: number;
  #playing = false;
  /** Gain of all, which ramps when playback starts and stops. */
  #main = 0;
  readonly #gains: Float32Array;
  readonly #targets: Float32Array;
  #hear = 0;
  #hearTarget = 0;
  #match = 1;
  readonly #levels: Float32Array;
  readonly #stemsMeter: EnergyMeter;
  readonly #originalMeter: EnergyMeter;
  #isStarved = false;
  #hasEnded = false;
  /** The stem that is heard as notes, and the one that fades back to its audio. */
  #voice: NotesVoice | null = null;
  readonly #buses = newBuses();
  readonly #oldBuses = newBuses();

  /**
   * @param stems number of stems; the original, if there is one, is the source after them.
   * @param release gives a played block back to the feeder.
   */
  constructor(
    private readonly sampleRate: number,
    private readonly stems: number,
    private readonly hasOriginal: boolean,
    private readonly release: (block: Block) => void,
  ) {
    this.#fade = Math.round(FADE * sampleRate);
    this.#current = new BlockQueue(0, release);
    this.#gains = new Float32Array(stems * 2).fill(1);
    this.#targets = new Float32Array(stems * 2).fill(1);
    this.#levels = new Float32Array(stems * 2);
    this.#stemsMeter = new EnergyMeter(sampleRate, MATCH_SECONDS);
    this.#originalMeter = new EnergyMeter(sampleRate, MATCH_SECONDS);
  }

  push(block: Block): void {
    if (block.generation === this.#current.generation) this.#current.push(block);
    else if (block.generation === this.#change.generation) {
      this.#next ??= new BlockQueue(block.generation, this.release);
      this.#next.push(block);
    } else this.release(block);
  }

  /** Prepare for another generation; what plays goes on until its first blocks are there. */
  change(change: Change): void {
    this.#next?.clear();
    this.#next = null;
    this.#change = change;
  }

  setPlaying(playing: boolean): void {
    this.#playing = playing;
    if (playing) this.#hasEnded = false;
  }

  /** Set the left and right gain of each stem. */
  setGains(gains: Float32Array): void {
    this.#targets.set(gains.subarray(0, this.#targets.length));
  }

  /** Choose what is heard: the original or the stems. */
  hear(original: boolean): void {
    this.#hearTarget = original && this.hasOriginal ? 1 : 0;
  }

  /** Hear a stem as notes; `null` for its audio. */
  hearNotes(notes: StemNotes | null): void {
    if (!notes) this.#voice?.fadeOut();
    else this.#voice = new NotesVoice(notes, this.sampleRate, this.#voice);
  }

  /** Return what the page shows; levels start again from 0. */
  report(time: number): MixerReport {
    const levels = this.#levels.slice();
    this.#levels.fill(0);
    return {
      generation: this.#current.generation,
      position: this.#current.position,
      time,
      playing: this.#playing,
      hasEnded: this.#hasEnded,
      isStarved: this.#isStarved,
      levels,
      match: 20 * Math.log10(this.#match),
    };
  }

  /** Write the next samples, at most 128. */
  process(left: Float32Array, right: Float32Array): void {
    const count = left.length;
    left.fill(0);
    right.fill(0);
    this.#advance(count);
    if (!this.#playing && this.#main === 0) return;
    const ramp = 1 - Math.exp(-count / (RAMP * this.sampleRate));
    const before = this.#gains.slice();
    this.#voice?.advance(count);
    if (this.#voice?.isSilent) this.#voice = null;
    this.#gains.forEach((gain, index) => {
      const target = this.#targets[index] ?? 0;
      const next = gain + (target - gain) * ramp;
      this.#gains[index] = Math.abs(target - next) < 1e-4 ? target : next;
    });
    const written = this.#render(this.#current, this.#buses, count, before);
    this.#isStarved = this.#playing && written < count && !this.#hasEnded;
    if (this.#fading) {
      this.#render(this.#fading, this.#oldBuses, count, before);
      blend(channels(this.#oldBuses), channels(this.#buses), count, {
        done: this.#faded,
        length: this.#fade,
      });
      this.#faded += count;
      if (this.#faded >= this.#fade) this.#stopFading();
    }
    this.#compare(written);
    this.#output(left, right, count, ramp);
    // What follows a gap starts like a playback, without a step.
    if (this.#isStarved) this.#main = 0;
  }

  /** Change to the next generation as soon as enough of it is here. */
  #advance(count: number): void {
    const next = this.#next;
    if (!next) return;
    const enough = this.#fade + count;
    if (this.#change.isJoin && this.#main > 0) {
      const ahead = this.#current.position - next.position;
      const near = Math.abs(ahead) < MAX_JOIN_SECONDS * this.sampleRate;
      if (near && ahead < 0 && this.#current.length > 0) return;
      if (near && ahead > 0) {
        if (next.length < ahead + enough && !next.isComplete) return;
        for (let left = ahead; left > 0;) {
          const skipped = next.take(left, () => undefined);
          if (skipped === 0) break;
          left -= skipped;
        }
      }
    }
    if (next.length < enough && !next.isComplete) return;
    this.#stopFading();
    this.#hasEnded = false;
    if (this.#main > 0) {
      this.#fading = this.#current;
      this.#faded = 0;
    } else this.#current.clear();
    this.#current = next;
    this.#next = null;
  }

  #stopFading(): void {
    this.#fading?.clear();
    this.#fading = null;
  }

  /** Mix samples of a queue into buses: stems left and right, original left and right. */
  #render(queue: BlockQueue, buses: Buses, count: number, before: Float32Array): number {
    for (const bus of channels(buses)) bus.fill(0);
    let done = 0;
    while (done < count) {
      const start = done;
      const position = queue.position;
      const run = queue.take(queue.untilMark(count - done), (samples, offset, length) => {
        this.#voice?.replace(samples, offset, length, {
          position,
          isCurrent: queue === this.#current,
        });
        for (let stem = 0; stem < this.stems; stem += 1) {
          for (let channel = 0; channel < 2; channel += 1) {
            const bus = buses.stems[channel as 0 | 1];
            const from = channelStart(stem, channel) + offset;
            const gain = before[stem * 2 + channel] ?? 0;
            const step = ((this.#gains[stem * 2 + channel] ?? 0) - gain) / count;
            let level = this.#levels[stem * 2 + channel] ?? 0;
            for (let index = 0; index < length; index += 1) {
              const value = (samples[from + index] ?? 0) * (gain + step * (start + index));
              bus[start + index] = (bus[start + index] ?? 0) + value;
              const size = value < 0 ? -value : value;
              if (size > level) level = size;
            }
            this.#levels[stem * 2 + channel] = level;
          }
        }
        if (this.hasOriginal) {
          for (let channel = 0; channel < 2; channel += 1) {
            const from = channelStart(this.stems, channel) + offset;
            buses.original[channel as 0 | 1].set(samples.subarray(from, from + length), start);
          }
        }
      });
      if (run === 0) break;
      done += run;
    }
    if (queue === this.#current && queue.isComplete && queue.length === 0) this.#hasEnded = true;
    return done;
  }

  /** Compare the loudness of both buses and follow it. */
  #compare(count: number): void {
    if (!this.hasOriginal || count === 0) return;
    this.#stemsMeter.add(...this.#buses.stems, count);
    this.#originalMeter.add(...this.#buses.original, count);
    const [ours, theirs] = [this.#stemsMeter.energy, this.#originalMeter.energy];
    if (ours < SILENT || theirs < SILENT) return;
    const match = Math.sqrt(ours / theirs);
    this.#match = Math.min(MAX_MATCH, Math.max(1 / MAX_MATCH, match));
  }

  #output(left: Float32Array, right: Float32Array, count: number, ramp: number): void {
    const [stemsL, stemsR] = this.#buses.stems;
    const [originalL, originalR] = this.#buses.original;
    const hearStep = ((this.#hearTarget - this.#hear) * ramp) / count;
    const mainTarget = this.#playing ? 1 : 0;
    // Attacks stay whole: playback starts within 1.5 ms, and stops within the fade.
    const mainStep = this.#playing ? 1 / 64 : -1 / this.#fade;
    for (let index = 0; index < count; index += 1) {
      this.#main = Math.min(1, Math.max(0, this.#main + mainStep));
      this.#hear += hearStep;
      const original = this.#hear * this.#match;
      const stems = 1 - this.#hear;
      left[index] =
        this.#main * ((stemsL[index] ?? 0) * stems + (originalL[index] ?? 0) * original);
      right[index] =
        this.#main * ((stemsR[index] ?? 0) * stems + (originalR[index] ?? 0) * original);
    }
    if (Math.abs(this.#hearTarget - this.#hear) < 1e-4) this.#hear = this.#hearTarget;
    if (mainTarget === 0 && this.#main < 1e-6) this.#main = 0;
  }
}

/** Fade old samples out and new ones in. */
function blend(
  old: readonly Float32Array[],
  current: readonly Float32Array[],
  count: number,
  fade: { readonly done: number; readonly length: number },
): void {
  current.forEach((samples, bus) => {
    const before = old[bus];
    for (let index = 0; index < count; index += 1) {
      const weight = Math.min(1, (fade.done + index + 0.5) / fade.length);
      samples[index] = (samples[index] ?? 0) * weight + (before?.[index] ?? 0) * (1 - weight);
    }
  });
}
