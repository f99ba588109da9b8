/** Handlers of commands. Keys, the palette and buttons run the same ones. */
import { useLayoutEffect, useRef } from "react";
import { createStore, useStore } from "../data/store";
import { ChordMatcher, chordLabel, chordOf } from "./chords";
import { effectiveKeys, keyChanges } from "./settings";
import { WaitingPress } from "./waiting";

export type Handlers = Readonly<Record<string, (event?: KeyboardEvent) => void>>;

/** Bound handlers, newest last: the newest handler of a command runs. */
const bound = createStore<readonly { current: Handlers }[]>([]);

const waiting = new WaitingPress<KeyboardEvent>();

/**
 * Bind handlers to commands of the table while the component is mounted. They are bound before the
 * component is painted, so a key that is pressed as soon as something is seen finds its handler.
 */
export function useKeys(handlers: Handlers): void {
  const latest = useRef(handlers);
  useLayoutEffect(() => {
    latest.current = handlers;
  });
  useLayoutEffect(() => {
    bound.set((list) => [...list, latest]);
    // After all components of the place are bound: of several handlers the newest runs.
    queueMicrotask(runWaiting);
    return () => bound.set((list) => list.filter((entry) => entry !== latest));
  }, []);
}

function handlerOf(command: string): ((event?: KeyboardEvent) => void) | undefined {
  return bound.get().findLast((entry) => entry.current[command])?.current[command];
}

/** Run a command; return whether something was bound to it. */
export function runCommand(command: string, event?: KeyboardEvent): boolean {
  const handler = handlerOf(command);
  handler?.(event);
  return handler !== undefined;
}

/** Run the key that was pressed while the place was loading, if its command is bound by now. */
function runWaiting(): void {
  const press = waiting.take(window.location.pathname, performance.now(), (command) =>
    Boolean(handlerOf(command)),
  );
  if (press) runCommand(press.command, press.event);
}

/** Whether the place, or the session, is still loading: its keys are not bound yet. */
function isLoading(): boolean {
  return document.querySelector("main[aria-busy=true]") !== null;
}

/** Return the entries of the table that do something on the current page. */
export function useActiveKeys() {
  useStore(bound);
  useStore(keyChanges);
  return effectiveKeys().filter((entry) => handlerOf(entry.command));
}

/** Return the first key of a command as text, or `undefined` if it has none. */
export function useKeyLabel(command: string): string | undefined {
  useStore(keyChanges);
  const chord = effectiveKeys().find((entry) => entry.command === command)?.chords[0];
  return chord === undefined ? undefined : chordLabel(chord);
}

/** Return a tooltip: the label of a command with its key. */
export function useTooltip(command: string): string {
  const key = useKeyLabel(command);
  const label = effectiveKeys().find((entry) => entry.command === command)?.label ?? command;
  return key === undefined ? label : `${label} (${key})`;
}

const TEXT_INPUTS = new Set(["checkbox", "radio", "range", "button", "submit", "file"]);

/** Whether keys typed into an element are text. */
export function takesText(element: Element | null): boolean {
  if (element instanceof HTMLInputElement) return !TEXT_INPUTS.has(element.type);
  if (element instanceof HTMLTextAreaElement) return true;
  return element instanceof HTMLElement && element.isContentEditable;
}

/** Whether Space belongs to an element: a choice, or anything in a dialog or menu. */
function keepsSpace(element: Element | null): boolean {
  if (element === null) return false;
  if (element.matches("input, select, summary, [role=switch], [role=checkbox], [role=option]"))
    return true;
  return element.closest("[role=dialog], [role=menu]") !== null;
}

const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
const MOVES = new Set([...ARROWS, "Home", "End", "PageUp", "PageDown"]);

/** Whether a key belongs to an element: what presses it, or moves inside it. */
function keepsKey(element: Element | null, chord: string): boolean {
  if (element === null) return false;
  if (chord === "Enter") return element.matches("button, a[href], select, summary");
  return MOVES.has(chord) && element.matches("select, input, [role=slider], [role=tab]");
}

const WHILE_TYPING = new Set(["Escape", "Ctrl+K"]);

/** Listen to the keyboard; return a function that stops. */
export function listenToKeys(target: Window): () => void {
  const matcher = new ChordMatcher(effectiveKeys);
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing) return;
    waiting.forget();
    const chord = chordOf(event);
    const element = document.activeElement;
    if (chord === "" || (takesText(element) && !WHILE_TYPING.has(chord))) return;
    if (chord === "Space" && keepsSpace(element)) return;
    if (keepsKey(element, chord)) return;
    const commands = matcher.match(chord, event.timeStamp);
    if (commands === "pending") return;
    for (const command of commands) {
      if (runCommand(command, event)) {
        event.preventDefault();
        return;
      }
    }
    if (commands.length > 0 && isLoading()) {
      event.preventDefault();
      waiting.hold(commands, event, window.location.pathname, performance.now());
    }
  };
  target.addEventListener("keydown", onKey);
  return () => target.removeEventListener("keydown", onKey);
}
