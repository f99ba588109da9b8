/** Dragging sounds onto pads and collections, and out of the browser where it can save files. */

import { createStore } from "../data/store";
import { baseName, plural } from "../parts/format";
import { readyFile } from "./sounds";
import type { Item, SearchHit } from "./types";

export interface DraggedSounds {
  readonly hit: SearchHit;
  readonly count: number;
  /** Returns all sounds that are dragged. */
  readonly items: () => Promise<SearchHit[]>;
}

/** Type of a drag that begins in the list. */
export const DRAG_TYPE = "application/x-cratedig-sounds";

/** What is being dragged. */
export const dragged = createStore<DraggedSounds | null>(null);

/** Begin to drag sounds. In Chromium a single one can be dropped outside as its file. */
export function beginDrag(event: globalThis.DragEvent, sounds: DraggedSounds): void {
  const transfer = event.dataTransfer;
  if (!transfer) return;
  const { hit, count } = sounds;
  dragged.set(sounds);
  transfer.effectAllowed = "copy";
  transfer.setData(DRAG_TYPE, hit.item.id);
  if (count === 1) setFile(transfer, hit.item);
  const ghost = document.createElement("div");
  ghost.className = "crate-ghost";
  ghost.textContent = count === 1 ? baseName(hit.item.name) : plural(count, "sound");
  document.body.append(ghost);
  transfer.setDragImage(ghost, 12, 12);
  setTimeout(() => ghost.remove());
}

/** Whether the browser saves the file of what is dragged out of it, as Chromium does. */
export const CAN_DRAG_OUT = / Chrome\//.test(navigator.userAgent);

/** Begin to drag the file of a pad out of the browser. */
export function beginFileDrag(transfer: DataTransfer, item: Item): void {
  transfer.effectAllowed = "copy";
  setFile(transfer, item);
}

/** Let a sound be dropped outside as its file, if its address has come before. */
function setFile(transfer: DataTransfer, item: Item): void {
  const file = readyFile(item.id);
  if (!file) return;
  const address = new URL(file.address, location.href).href;
  transfer.setData("DownloadURL", `${file.mediaType}:${fileName(item, file.name)}:${address}`);
}

/** Forget what was dragged. */
export function endDrag(): void {
  dragged.set(null);
}

/** Return the name to save a sound's file as. */
export function fileName(item: Item, stored: string): string {
  const suffix = stored.slice(stored.lastIndexOf("."));
  return baseName(item.name).replace(/[/\\:*?"<>|]/g, "_") + suffix;
}
