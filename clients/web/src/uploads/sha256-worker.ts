/** Hashes files in a worker, block by block, so that the page stays responsive. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

export interface HashRequest {
  readonly id: number;
  readonly file: File;
}

export type HashMessage =
  | { readonly id: number; readonly kind: "progress"; readonly bytes: number }
  | { readonly id: number; readonly kind: "done"; readonly sha256: string }
  | { readonly id: number; readonly kind: "failed" };

const BLOCK = 4 << 20;

async function hash({ id, file }: HashRequest): Promise<void> {
  const digest = sha256.create();
  for (let at = 0; at < file.size; at += BLOCK) {
    const block = await file.slice(at, at + BLOCK).arrayBuffer();
    digest.update(new Uint8Array(block));
    post({ id, kind: "progress", bytes: at + block.byteLength });
  }
  post({ id, kind: "done", sha256: bytesToHex(digest.digest()) });
}

function post(message: HashMessage): void {
  self.postMessage(message);
}

self.addEventListener("message", (event: MessageEvent<HashRequest>) => {
  hash(event.data).catch(() => post({ id: event.data.id, kind: "failed" }));
});
