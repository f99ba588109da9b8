/** Copying to the clipboard, which a browser may refuse. */
import { showToast } from "../data/toasts";

export async function copyText(
  text: string,
  { copied = "Copied.", refused }: { copied?: string; refused: string },
): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    showToast(copied);
  } catch {
    showToast(refused);
  }
}
