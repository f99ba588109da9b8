/** Saves sounds as files, as they are stored. */

import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { baseName } from "../parts/format";
import { fileName } from "./dragging";
import { soundFile } from "./sounds";
import type { SearchHit } from "./types";

/** Save the file of a sound. */
export async function saveSound(hit: SearchHit): Promise<void> {
  try {
    const file = await soundFile(hit.item.id);
    const link = document.createElement("a");
    link.href = file.address;
    link.download = fileName(hit, file.name);
    link.click();
  } catch (error) {
    showToast(`${baseName(hit.item.name)} was not saved. ${problemText(error)}`);
  }
}
