/** Undo and redo: each edit is stored with its inverse. */
import { createStore } from "./store";

export interface Edit {
  /** What was done, as the toast says it: "14 sounds hidden". */
  readonly label: string;
  apply(): Promise<void>;
  revert(): Promise<void>;
}

export interface UndoState {
  readonly done: readonly Edit[];
  readonly undone: readonly Edit[];
}

/** Number of edits that can be undone. */
export const UNDO_DEPTH = 50;

export class UndoQueue {
  readonly state = createStore<UndoState>({ done: [], undone: [] });
  #tail: Promise<unknown> = Promise.resolve();

  /**
   * Apply an edit after those before it, and make it undoable.
   * @throws what `apply` throws; the edit is not stored then.
   */
  run(edit: Edit): Promise<void> {
    return this.#after(async () => {
      await edit.apply();
      this.state.set(({ done }) => ({ done: [...done, edit].slice(-UNDO_DEPTH), undone: [] }));
    });
  }

  /** Revert the newest edit and return it, or `null` if there is none. */
  undo(): Promise<Edit | null> {
    return this.#after(async () => {
      const { done, undone } = this.state.get();
      const edit = done.at(-1);
      if (!edit) return null;
      await edit.revert();
      this.state.set({ done: done.slice(0, -1), undone: [...undone, edit] });
      return edit;
    });
  }

  /** Apply the newest undone edit again and return it, or `null` if there is none. */
  redo(): Promise<Edit | null> {
    return this.#after(async () => {
      const { done, undone } = this.state.get();
      const edit = undone.at(-1);
      if (!edit) return null;
      await edit.apply();
      this.state.set({ done: [...done, edit], undone: undone.slice(0, -1) });
      return edit;
    });
  }

  /** Edits run one after another, so that an undo never overtakes its edit. */
  #after<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(step);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

export const undoQueue = new UndoQueue();
