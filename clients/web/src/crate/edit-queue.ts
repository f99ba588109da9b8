/** Sends changes of items in the order in which they were made, also after a time without network. */

import { createStore } from "../data/store";
import { ProblemError } from "../data/problem-error";
import { toEdits, type ItemChanges, type Refusals } from "./item-changes";
import type { ItemsEdit } from "./types";

export interface EditAnswer {
  readonly results: readonly {
    readonly item: string;
    readonly failure?: { readonly detail: string } | null;
  }[];
}

/** Sends one request; a repetition with the same key changes nothing. */
export type SendEdits = (edits: ItemsEdit[], key: string) => Promise<EditAnswer>;

/** Resolves when another attempt makes sense; `failures` counts those so far. */
export type WaitToRetry = (failures: number) => Promise<void>;

export class EditQueue {
  /** Number of changes that have not reached the server. */
  readonly waiting = createStore(0);

  readonly #send: SendEdits;
  readonly #wait: WaitToRetry;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(send: SendEdits, wait: WaitToRetry) {
    this.#send = send;
    this.#wait = wait;
  }

  /** Send changes after all earlier ones; return the items that the server did not change. */
  submit(changes: ItemChanges): Promise<Refusals> {
    this.waiting.set((count) => count + 1);
    const result = this.#tail.then(async () => {
      const refusals = new Map<string, string>();
      for (const edits of toEdits(changes)) {
        for (const [item, reason] of await this.#deliver(edits)) refusals.set(item, reason);
      }
      return refusals;
    });
    this.#tail = result
      .finally(() => this.waiting.set((count) => count - 1))
      .catch(() => undefined);
    return result;
  }

  async #deliver(edits: ItemsEdit[]): Promise<Refusals> {
    const key = crypto.randomUUID();
    for (let failures = 1; ; failures += 1) {
      try {
        const { results } = await this.#send(edits, key);
        return new Map(results.flatMap((r) => (r.failure ? [[r.item, r.failure.detail]] : [])));
      } catch (error) {
        if (error instanceof ProblemError && !passes(error)) {
          return new Map(edits.flatMap((edit) => edit.items.map((item) => [item, error.detail])));
        }
        await this.#wait(failures);
      }
    }
  }
}

/** Return whether a refusal may pass by itself: an overloaded server, or an expired session. */
function passes(error: ProblemError): boolean {
  return error.status === 401 || error.status === 429 || error.status >= 502;
}

/** Wait for the network, or up to 30 seconds: longer after each failure. */
export function waitForNetwork(failures: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      window.removeEventListener("online", finish);
      resolve();
    };
    const timer = setTimeout(finish, Math.min(30_000, 1000 * 2 ** Math.min(failures - 1, 5)));
    window.addEventListener("online", finish);
  });
}
