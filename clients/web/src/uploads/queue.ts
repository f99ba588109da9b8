/** Adding files: each is hashed, announced, sent, and then processed. */
import { navigate } from "../address";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { session } from "../data/session";
import { showToast } from "../data/toasts";
import { startImport } from "../imports/data";
import { plural } from "../parts/format";
import { isPackName } from "./dropped";
import {
  OPEN_PHASES,
  patchEntry,
  resumableEntry,
  restoredUploads,
  storeOpenUploads,
  uploadEntries,
  type UploadEntry,
} from "./entries";
import { uploadPorts } from "./ports";
import { processWhenReady } from "./processing";
import { sendFile, type UploadPorts } from "./send";
import { UnreadableFileError, sha256Of } from "./sha256";

/** Files that are sent at the same time. */
const PARALLEL = 2;

const files = new Map<string, File>();
const stops = new Map<string, AbortController>();
let running = 0;

function account(): string {
  const state = session.get();
  return "account" in state ? state.account.id : "";
}

/** Show the uploads that were open when the page was left. */
export function restoreUploads(): void {
  uploadEntries.set((entries) => [
    ...entries,
    ...restoredUploads(account()).filter((stored) => !entries.some((e) => e.key === stored.key)),
  ]);
}

/** Add files; a file of an interrupted upload goes on with it. */
export function addFiles(added: readonly File[]): void {
  for (const file of added) {
    const resumed = resumableEntry(uploadEntries.get(), file);
    const key = resumed?.key ?? crypto.randomUUID();
    files.set(key, file);
    if (resumed) {
      patchEntry(key, { phase: "waiting" });
      continue;
    }
    const entry: UploadEntry = {
      key,
      name: file.name,
      size: file.size,
      phase: "waiting",
      bytes: 0,
      upload: null,
      sha256: null,
      item: null,
      problem: "",
      since: null,
    };
    uploadEntries.set((entries) => [...entries, entry]);
  }
  if (added.length > 0 && window.location.pathname !== "/activity")
    showToast(`${plural(added.length, "file")} added.`, {
      label: "Watch",
      run: () => navigate("/activity"),
    });
  startNext();
}

export function stopUpload(key: string): void {
  stops.get(key)?.abort();
  files.delete(key);
  patchEntry(key, { phase: "stopped" });
  storeOpenUploads(account());
}

/** Whether bytes are on their way, so that leaving the page would stop them. */
export function uploadsOpen(): boolean {
  return uploadEntries.get().some((entry) => OPEN_PHASES.has(entry.phase));
}

function startNext(): void {
  for (const entry of uploadEntries.get()) {
    if (running >= PARALLEL) return;
    const file = files.get(entry.key);
    if (entry.phase !== "waiting" || !file) continue;
    running += 1;
    patchEntry(entry.key, { phase: "hashing", bytes: 0 });
    void upload(entry, file).finally(() => {
      running -= 1;
      stops.delete(entry.key);
      storeOpenUploads(account());
      startNext();
    });
  }
}

/** A pack is not completed but imported: its files become the items. */
const packPorts: UploadPorts = {
  ...uploadPorts,
  async complete(upload) {
    await startImport({ provider: "pack", reference: upload }, `pack-${upload}`);
    return uploadPorts.get(upload);
  },
};

/** These bytes were added as a file of their own before. */
class PackIsItemError extends Error {
  constructor() {
    super("This archive is here as an item. Delete that item, then add the pack again.");
  }
}

async function upload({ key, upload: earlier, sha256: expected }: UploadEntry, file: File) {
  const stop = new AbortController();
  stops.set(key, stop);
  try {
    const sha256 = await sha256Of(file, (bytes) => patchEntry(key, { bytes }));
    stop.signal.throwIfAborted();
    patchEntry(key, { phase: "sending", bytes: 0, sha256, since: Date.now() });
    const sent = await sendFile(
      { name: file.name, size: file.size, sha256, content: file },
      isPackName(file.name) ? packPorts : uploadPorts,
      {
        resume: sha256 === expected ? earlier : null,
        onCreated: ({ id }) => {
          patchEntry(key, { upload: id });
          storeOpenUploads(account());
        },
        onSent: (bytes) => patchEntry(key, { bytes }),
        onInterrupted: (lost) => patchEntry(key, { phase: lost ? "interrupted" : "sending" }),
        signal: stop.signal,
      },
    );
    if (isPackName(file.name) && sent.item) throw new PackIsItemError();
    const phase = sent.duplicate ? "duplicate" : "done";
    patchEntry(key, { phase, item: sent.item ?? null, bytes: file.size });
    files.delete(key);
    if (sent.item && !sent.duplicate) processWhenReady(sent.item);
    await queries.invalidateQueries({ queryKey: ["work"] });
    await queries.invalidateQueries({ queryKey: ["items"] });
  } catch (error) {
    if (stop.signal.aborted) return;
    const problem =
      error instanceof UnreadableFileError || error instanceof PackIsItemError
        ? error.message
        : problemText(error);
    patchEntry(key, { phase: "refused", problem });
  }
}

window.addEventListener("beforeunload", (event) => {
  if (uploadsOpen()) event.preventDefault();
});
