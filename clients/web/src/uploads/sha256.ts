/** SHA-256 of a file, computed in a worker. */
import type { HashMessage, HashRequest } from "./sha256-worker";

let worker: Worker | null = null;
let last = 0;

/** The file could not be read: it was moved, changed or is a folder. */
export class UnreadableFileError extends Error {}

/**
 * Return the SHA-256 of a file in hexadecimal.
 * @param onProgress called with the number of bytes that were read so far.
 * @throws UnreadableFileError
 */
export function sha256Of(file: File, onProgress: (bytes: number) => void): Promise<string> {
  worker ??= new Worker(new URL("./sha256-worker.ts", import.meta.url), { type: "module" });
  const hashing = worker;
  last += 1;
  const id = last;
  return new Promise((resolve, reject) => {
    const onMessage = ({ data }: MessageEvent<HashMessage>): void => {
      if (data.id !== id) return;
      if (data.kind === "progress") {
        onProgress(data.bytes);
        return;
      }
      hashing.removeEventListener("message", onMessage);
      if (data.kind === "done") resolve(data.sha256);
      else reject(new UnreadableFileError("The file cannot be read."));
    };
    hashing.addEventListener("message", onMessage);
    hashing.postMessage({ id, file } satisfies HashRequest);
  });
}
