/**
 * The address of the page: the only router. The address is the state, so that reload, back and
 * a copied link show the same thing.
 */
import { useSyncExternalStore } from "react";

export interface Address {
  readonly path: string;
  readonly query: URLSearchParams;
}

const listeners = new Set<() => void>();
let current = read();

function read(): Address {
  const { pathname, search } = window.location;
  return { path: pathname, query: new URLSearchParams(search) };
}

function changed(): void {
  current = read();
  for (const listener of [...listeners]) listener();
}

window.addEventListener("popstate", changed);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Go to `href`; `replace` keeps the history entry, for typing and for a moving playhead. */
export function navigate(href: string, options: { replace?: boolean } = {}): void {
  const target = new URL(href, window.location.href);
  const next = target.pathname + target.search + target.hash;
  const now = window.location.pathname + window.location.search + window.location.hash;
  if (next === now) return;
  if (options.replace) window.history.replaceState(null, "", next);
  else window.history.pushState(null, "", next);
  changed();
}

/** Change some query parameters and keep the others; `null` removes one. */
export function setQuery(
  changes: Readonly<Record<string, string | null>>,
  options: { replace?: boolean } = {},
): void {
  const query = new URLSearchParams(window.location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  navigate(window.location.pathname + (text ? `?${text}` : ""), options);
}

export function useAddress(): Address {
  return useSyncExternalStore(subscribe, () => current);
}
