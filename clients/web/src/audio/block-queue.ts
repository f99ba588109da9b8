/** Blocks of one generation that wait to be played, read sample by sample. */
import { BLOCK, type Block } from "./messages";

export class BlockQueue {
  readonly #blocks: Block[] = [];
  /** Samples of the first block that are played. */
  #read = 0;
  #lastPosition = 0;
  #isComplete = false;

  constructor(
    readonly generation: number,
    private readonly release: (block: Block) => void,
  ) {}

  push(block: Block): void {
    this.#isComplete ||= block.isLast;
    if (block.count > 0) this.#blocks.push(block);
    else this.release(block);
  }

  /** Samples that wait. */
  get length(): number {
    return this.#blocks.reduce((sum, block) => sum + block.count, -this.#read);
  }

  /** The song ends with the samples that wait. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Position in the song of the next sample. */
  get position(): number {
    const block = this.#blocks[0];
    if (!block) return this.#lastPosition;
    const mark = block.marks.findLast(({ at }) => at <= this.#read);
    return mark ? mark.position + this.#read - mark.at : this.#lastPosition;
  }

  /** Samples, at most `count`, that follow one another in the song as well. */
  untilMark(count: number): number {
    const next = this.#blocks[0]?.marks.find(({ at }) => at > this.#read);
    return next ? Math.min(count, next.at - this.#read) : count;
  }

  /**
   * Let `play` have the samples of the first block from an offset on, at most `count`; return how
   * many it had, 0 if there are none.
   */
  take(
    count: number,
    play: (samples: Float32Array, offset: number, count: number) => void,
  ): number {
    const block = this.#blocks[0];
    if (!block) return 0;
    const run = Math.min(count, block.count - this.#read);
    play(block.samples, this.#read, run);
    this.#read += run;
    if (this.#read >= block.count) {
      this.#read -= 1;
      this.#lastPosition = this.position + 1;
      this.#read = 0;
      this.#blocks.shift();
      this.release(block);
    }
    return run;
  }

  /** Give all blocks back. */
  clear(): void {
    this.#lastPosition = this.position;
    for (const block of this.#blocks.splice(0)) this.release(block);
    this.#read = 0;
  }
}

/** Where a channel of a source begins in a block. */
export function channelStart(source: number, channel: number): number {
  return (source * 2 + channel) * BLOCK;
}
