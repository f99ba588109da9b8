/** A key that was pressed while its place was still loading: it runs once the place is there. */

/** A press is forgotten after this time, in milliseconds. */
export const WAITS_MS = 5000;

interface Press<E> {
  readonly commands: readonly string[];
  readonly event: E;
  readonly path: string;
  readonly at: number;
}

export class WaitingPress<E> {
  #press: Press<E> | null = null;

  /** Keep the press of a key whose commands nothing is bound to, in place of an earlier one. */
  hold(commands: readonly string[], event: E, path: string, now: number): void {
    this.#press = { commands, event, path, at: now };
  }

  forget(): void {
    this.#press = null;
  }

  /**
   * Return what to run now, or `null` while nothing is bound to it.
   * A press is forgotten when it is taken, too old, or was made at another address.
   */
  take(
    path: string,
    now: number,
    isBound: (command: string) => boolean,
  ): { readonly command: string; readonly event: E } | null {
    const press = this.#press;
    if (press === null) return null;
    if (press.path !== path || now - press.at > WAITS_MS) {
      this.#press = null;
      return null;
    }
    const command = press.commands.find(isBound);
    if (command === undefined) return null;
    this.#press = null;
    return { command, event: press.event };
  }
}
