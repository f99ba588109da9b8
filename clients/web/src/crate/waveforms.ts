/** Mini-waveforms of sounds, asked for in batches and kept while they are of use. */

/** Columns of a mini-waveform. */
export const COLUMNS = 150;
/** Items of one request. */
export const BATCH = 200;
const MAX_KEPT = 6000;

/** For each column two bytes, the peak and the RMS level; `amplitudeOf` says what a byte means. */
export type MiniWaveform = Uint8Array;

/** Return the amplitude that a byte stands for, 0 to 1: its square keeps quiet sounds apart. */
export function amplitudeOf(byte: number): number {
  return (byte / 255) ** 2;
}

/** Reads mini-waveforms; an item without one is left out. */
export type WaveformReader = (
  items: readonly string[],
) => Promise<ReadonlyMap<string, MiniWaveform>>;

export class Waveforms {
  readonly #read: WaveformReader;
  readonly #kept = new Map<string, MiniWaveform | null>();
  readonly #listeners = new Set<() => void>();
  readonly #extra = new Set<string>();
  #wanted: readonly string[] = [];
  #isReading = false;

  constructor(read: WaveformReader) {
    this.#read = read;
  }

  /** Return the waveform of an item, null if it has none, or undefined until it is known. */
  get(item: string): MiniWaveform | null | undefined {
    return this.#kept.get(item);
  }

  /** Read the waveforms of these items next, in place of those asked for before. */
  want(items: readonly string[]): void {
    this.#wanted = items;
    void this.#continue();
  }

  /** Read the waveform of an item that is shown beside the list, such as one on a pad. */
  keep(item: string): void {
    if (this.#kept.has(item)) return;
    this.#extra.add(item);
    void this.#continue();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #continue(): Promise<void> {
    if (this.#isReading) return;
    const items: string[] = [];
    for (const asked of [this.#extra, this.#wanted]) {
      for (const item of asked) {
        if (items.length < BATCH && !this.#kept.has(item)) items.push(item);
      }
    }
    this.#extra.clear();
    if (items.length === 0) return;
    this.#isReading = true;
    try {
      const found = await this.#read(items);
      for (const item of items) this.#kept.set(item, found.get(item) ?? null);
      this.#forgetOldest();
    } catch {
      // The rows show a line in their place; scrolling on asks again.
      return;
    } finally {
      this.#isReading = false;
    }
    for (const listener of [...this.#listeners]) listener();
    void this.#continue();
  }

  #forgetOldest(): void {
    for (const item of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) return;
      this.#kept.delete(item);
    }
  }
}
