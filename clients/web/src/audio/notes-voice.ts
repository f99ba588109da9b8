/** Puts a stem's notes in place of its audio, at the same position and as loud. */
import { channelStart } from "./block-queue";
import { EnergyMeter } from "./loudness";
import type { StemNotes } from "./messages";
import { Synth } from "./synth";

/** Seconds over which audio fades into notes, and back. */
const FADE = 0.012;
/** Seconds over which the loudness of both is compared, and the most by which notes change. */
const MATCH_SECONDS = 2;
const MAX_MATCH = 6;
/** Energy below which nothing is compared: -70 LUFS. */
const SILENT = 10 ** ((-70 + 0.691) / 10);
/** Seconds in which the step of a loop's end fades away. */
const STEP_FADE = 0.002;
const QUANTUM = 128;

export class NotesVoice {
  readonly #synth: Synth;
  readonly #stem: number;
  #share = 0;
  #target = 1;
  /** Change of the share in a sample. */
  #slope = 0;
  #match = 1;
  #matchSlope = 0;
  readonly #stemMeter: EnergyMeter;
  readonly #notesMeter: EnergyMeter;
  readonly #rendered = new Float32Array(QUANTUM);
  #expected = -1;
  #last = 0;
  #step = 0;
  readonly #stepKeep: number;

  /** @param before what is heard now; new notes of the same stem go on from it. */
  constructor(
    notes: StemNotes,
    private readonly sampleRate: number,
    before: NotesVoice | null,
  ) {
    this.#stem = notes.stem;
    this.#synth = new Synth(notes.notes, sampleRate, notes);
    this.#stepKeep = Math.exp(-1 / (STEP_FADE * sampleRate));
    const same = before !== null && before.#stem === notes.stem ? before : null;
    if (same) {
      this.#share = same.#share;
      this.#match = same.#match;
      this.#last = same.#last;
    }
    this.#stemMeter = same ? same.#stemMeter : new EnergyMeter(sampleRate, MATCH_SECONDS);
    this.#notesMeter = same ? same.#notesMeter : new EnergyMeter(sampleRate, MATCH_SECONDS);
  }

  fadeOut(): void {
    this.#target = 0;
  }

  /** The notes have faded out. */
  get isSilent(): boolean {
    return this.#target === 0 && this.#share === 0;
  }

  /** Prepare the next samples: fades go on, and the loudness follows that of the stem. */
  advance(count: number): void {
    const most = count / (FADE * this.sampleRate);
    const change = Math.max(-most, Math.min(most, this.#target - this.#share));
    this.#slope = change / count;
    const [audio, notes] = [this.#stemMeter.energy, this.#notesMeter.energy];
    const wanted =
      audio < SILENT || notes < SILENT
        ? this.#match
        : Math.max(1 / MAX_MATCH, Math.min(MAX_MATCH, Math.sqrt(audio / notes)));
    this.#matchSlope = (wanted - this.#match) / (count * 64);
  }

  /**
   * Replace samples of the stem in a block.
   *
   * @param position of the first of them in the song.
   * @param isCurrent false for what fades out after a jump; fades and meters then stand still.
   */
  replace(
    samples: Float32Array,
    offset: number,
    count: number,
    { position, isCurrent }: { readonly position: number; readonly isCurrent: boolean },
  ): void {
    const rendered = this.#rendered;
    this.#synth.render(rendered, count, position);
    const [left, right] = ([0, 1] as const).map((channel) => {
      const start = channelStart(this.#stem, channel) + offset;
      return samples.subarray(start, start + count);
    }) as [Float32Array, Float32Array];
    if (isCurrent) {
      this.#stemMeter.add(left, right, count);
      this.#notesMeter.add(rendered, rendered, count);
      if (position !== this.#expected && this.#expected >= 0)
        this.#step = this.#last - (rendered[0] ?? 0);
      this.#expected = position + count;
    }
    for (let index = 0; index < count; index += 1) {
      if (isCurrent) {
        this.#share = Math.max(0, Math.min(1, this.#share + this.#slope));
        this.#match += this.#matchSlope;
        this.#last = (rendered[index] ?? 0) + this.#step;
        this.#step *= this.#stepKeep;
      }
      const value = (isCurrent ? this.#last : (rendered[index] ?? 0)) * this.#match * this.#share;
      left[index] = (left[index] ?? 0) * (1 - this.#share) + value;
      right[index] = (right[index] ?? 0) * (1 - this.#share) + value;
    }
    if (isCurrent && Math.abs(this.#target - this.#share) < 1e-6) this.#share = this.#target;
  }
}
