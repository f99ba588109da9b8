/** Names of the songs that sounds were cut from, each read once. */

import { api, data } from "../data/api";
import { baseName } from "../parts/format";
import { createStore } from "../data/store";

const AT_ONCE = 4;

class SongNames {
  /** Grows when names have come. */
  readonly version = createStore(0);
  readonly #names = new Map<string, string>();
  readonly #waiting = new Set<string>();
  #reading = 0;

  /** Return the name of a song, empty until it is known. */
  get(song: string): string {
    const name = this.#names.get(song);
    if (name === undefined && !this.#waiting.has(song)) {
      this.#waiting.add(song);
      this.#continue();
    }
    return name ?? "";
  }

  #continue(): void {
    // The songs asked for last are those in view.
    const next = [...this.#waiting].filter((song) => !this.#names.has(song)).at(-1);
    if (next === undefined || this.#reading >= AT_ONCE) return;
    this.#reading += 1;
    this.#names.set(next, "");
    data(api.GET("/v1/items/{item}", { params: { path: { item: next } } }))
      .then((item) => this.#names.set(next, baseName(item.name)))
      .catch(() => this.#names.delete(next))
      .finally(() => {
        this.#reading -= 1;
        this.#waiting.delete(next);
        this.version.set((count) => count + 1);
        this.#continue();
      });
  }
}

export const songNames = new SongNames();
