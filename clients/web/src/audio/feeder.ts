/** Fills blocks with the samples of all sources, ahead of the mixer; runs in a worker. */
import { channelStart } from "./block-queue";
import { AHEAD, BLOCK, type Block, type Loop } from "./messages";
import { fill, marksOf, plan, type Plan } from "./timeline";
import { WINDOW, type WindowCache } from "./windows";

/** Windows that are decoded ahead of what plays: about six seconds. */
const WINDOWS_AHEAD = 4;

export interface Song {
  readonly sources: number;
  readonly samples: number;
  readonly sampleRate: number;
}

export class Feeder {
  #generation = 0;
  #position = 0;
  #loop: Loop | null = null;
  #hasEnded = true;
  /** Blocks that the mixer holds, of the current generation. */
  #outstanding = 0;
  #isPumping = false;
  readonly #spare: Float32Array<ArrayBuffer>[] = [];

  /**
   * @param send passes a block to the mixer.
   * @param fail is told what went wrong, once.
   */
  constructor(
    private readonly song: Song,
    private readonly cache: WindowCache,
    private readonly send: (block: Block) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Start a generation of blocks at a position. */
  seek(generation: number, position: number, loop: Loop | null): void {
    this.#generation = generation;
    this.#position = Math.max(0, Math.min(position, this.song.samples));
    this.#loop = loop;
    this.#hasEnded = false;
    this.#outstanding = 0;
    void this.pump();
  }

  /** Take a played block back. */
  returned(block: Block): void {
    if (this.#spare.length < AHEAD * 2) this.#spare.push(block.samples);
    if (block.generation !== this.#generation) return;
    this.#outstanding -= 1;
    void this.pump();
  }

  /** Send blocks until enough of them are under way. */
  async pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.#hasEnded && this.#outstanding < AHEAD) {
        const generation = this.#generation;
        const next = plan(this.#position, BLOCK, { ...this.song, loop: this.#loop });
        const needed = ranges(next);
        if (!needed.every(([first, count]) => this.cache.has(first, count))) {
          await Promise.all(needed.map(([first, count]) => this.cache.load(first, count)));
          if (generation !== this.#generation) continue;
        }
        this.#send(next);
      }
      void this.#decodeAhead();
    } catch (error) {
      this.#hasEnded = true;
      this.fail(error);
    } finally {
      this.#isPumping = false;
    }
  }

  #send(next: Plan): void {
    const { sources, samples: length } = this.song;
    const samples = this.#spare.pop() ?? new Float32Array(sources * 2 * BLOCK);
    for (let source = 0; source < sources; source += 1) {
      for (const channel of [0, 1] as const) {
        const start = channelStart(source, channel);
        const target = samples.subarray(start, start + BLOCK);
        target.fill(0, next.count);
        for (const segment of next.segments)
          fill(target, segment, (part, from) => this.cache.copy(source, channel, part, from));
      }
    }
    this.#position = next.next;
    this.#hasEnded = next.count < BLOCK || (!this.#loop && next.next >= length);
    this.#outstanding += 1;
    this.send({
      generation: this.#generation,
      marks: marksOf(next.segments),
      count: next.count,
      isLast: this.#hasEnded,
      samples,
    });
  }

  /** Decode what comes next, window by window, so that blocks never wait for the network. */
  async #decodeAhead(): Promise<void> {
    const generation = this.#generation;
    let position = this.#position;
    for (let ahead = 0; ahead < WINDOWS_AHEAD; ahead += 1) {
      const next = plan(position, WINDOW, { ...this.song, loop: this.#loop });
      position = next.next;
      try {
        for (const [first, count] of ranges(next))
          if (!this.cache.has(first, count)) await this.cache.load(first, count);
      } catch {
        // The pump meets the same error when it needs the window, and tells of it.
        return;
      }
      if (generation !== this.#generation) return;
    }
  }
}

/** Samples that a plan reads, those of fades included. */
function ranges({ segments }: Plan): [number, number][] {
  return segments.flatMap(({ from, count, fade }) => {
    const partner = fade ? Math.max(0, fade.partner) : 0;
    return fade
      ? [[from, count] as [number, number], [partner, count] as [number, number]]
      : [[from, count] as [number, number]];
  });
}
