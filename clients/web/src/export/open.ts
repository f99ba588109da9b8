/** What is exported: any place opens the export of a song, of sounds, or of a collection. */
import { createStore } from "../data/store";
import type { Schemas } from "../data/api";

export type ExportSubject =
  | { readonly kind: "item"; readonly id: string; readonly name: string }
  | { readonly kind: "collection"; readonly id: string; readonly name: string }
  /** Several sounds, which become a collection when they are exported. */
  | { readonly kind: "sounds"; readonly items: readonly Schemas["Item"][] };

/** What the open export is of; null while none is open. */
export const exportSubject = createStore<ExportSubject | null>(null);

/** Open the export of items. */
export function exportItems(items: readonly Schemas["Item"][]): void {
  const [first] = items;
  if (!first) return;
  exportSubject.set(
    items.length === 1
      ? { kind: "item", id: first.id, name: first.name }
      : { kind: "sounds", items },
  );
}

/** Open the export of a collection. */
export function exportCollection(collection: { readonly id: string; readonly name: string }): void {
  exportSubject.set({ kind: "collection", id: collection.id, name: collection.name });
}
