/** Mini-waveforms of sounds, asked for in batches and kept while they are of use. */

/** Columns of a mini-waveform. */
export const COLUMNS = 150;
/** Items of one request. */
export const BATCH = 200;
const MAX_KEPT = 6000;

/** Two values for each column, 0 to 255: the greatest peak, then the RMS level. */
export type MiniWaveform = Uint8Array;

/** Reads mini-waveforms; an item without one is left out. */
export type WaveformReader = (items: readonly string[]) => Promise<ReadonlyMap<string, MiniWaveform>>;

export class Waveforms {
  readonly #read: WaveformReader;
  readonly #kept = new Map<string, MiniWaveform | null>();
  readonly #listeners = new Set<() => void>();
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

  /** Forget the waveform of an item, to read it again. */
  forget(item: string): void {
    this.#kept.delete(item);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #continue(): Promise<void> {
    if (this.#isReading) return;
    const items = this.#wanted.filter((item) => !this.#kept.has(item)).slice(0, BATCH);
    if (items.length === 0) return;
    this.#isReading = true;
    try {
      const found = await this.#read(items);
      for (const item of items) this.#kept.set(item, found.get(item) ?? null);
      this.#forgetOldest();
    } catch {
      // The rows show a line in their place; scrolling on asks again.
      this.#wanted = [];
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
