/** Items of points, each read when it comes into view. */

export interface ItemReaderOptions {
  /** Requests at a time. */
  readonly atOnce: number;
  /** Items that stay in memory. */
  readonly kept: number;
}

export class ItemReader<T> {
  readonly #read: (id: string) => Promise<T>;
  readonly #options: ItemReaderOptions;
  readonly #items = new Map<string, T | null>();
  readonly #reading = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #wanted: readonly string[] = [];
  #version = 0;

  constructor(read: (id: string) => Promise<T>, options: ItemReaderOptions) {
    this.#read = read;
    this.#options = options;
  }

  /** Return an item, null if it cannot be read, or undefined until it has come. */
  get(id: string): T | null | undefined {
    return this.#items.get(id);
  }

  /** Grows when items have come. */
  readonly version = (): number => this.#version;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Read these items next, in place of those asked for before. */
  want(ids: readonly string[]): void {
    this.#wanted = ids;
    this.#continue();
  }

  /** Return an item, read before all others if it is not there. */
  async one(id: string): Promise<T | null> {
    const known = this.#items.get(id);
    if (known !== undefined) return known;
    await this.#load(id);
    return this.#items.get(id) ?? null;
  }

  #continue(): void {
    for (const id of this.#wanted) {
      if (this.#reading.size >= this.#options.atOnce) return;
      if (this.#items.has(id) || this.#reading.has(id)) continue;
      void this.#load(id).then(() => this.#continue());
    }
  }

  async #load(id: string): Promise<void> {
    this.#reading.add(id);
    try {
      this.#items.set(id, await this.#read(id));
    } catch {
      // Its row stays without a name.
      this.#items.set(id, null);
    } finally {
      this.#reading.delete(id);
    }
    for (const oldest of this.#items.keys()) {
      if (this.#items.size <= this.#options.kept) break;
      this.#items.delete(oldest);
    }
    this.#version += 1;
    for (const listener of [...this.#listeners]) listener();
  }
}
