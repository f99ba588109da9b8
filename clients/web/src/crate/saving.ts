/** Saves sounds as files: WAV where the page can write it, else as they are stored. */

import { canBeWav, saveWav } from "../export/saving";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { baseName } from "../parts/format";
import { saveFile } from "../parts/wav";
import { fileName } from "./dragging";
import { soundFile } from "./sounds";
import type { SearchHit } from "./types";

/** Save the file of a sound. */
export async function saveSound({ item }: SearchHit): Promise<void> {
  if (canBeWav(item)) {
    await saveWav(item, async () => (await soundFile(item.id)).address);
    return;
  }
  try {
    const file = await soundFile(item.id);
    saveFile(file.address, fileName(item, file.name));
  } catch (error) {
    showToast(`${baseName(item.name)} was not saved. ${problemText(error)}`);
  }
}
