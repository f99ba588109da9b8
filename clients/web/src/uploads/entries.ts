/** The files that are on their way, as Activity shows them. */
import { createStore } from "../data/store";

export type UploadPhase =
  /** Queued behind other files of this page. */
  | "waiting"
  | "hashing"
  | "sending"
  /** The network is gone; it goes on by itself. */
  | "interrupted"
  /** The page was loaded again; the file must be picked again. */
  | "needs-file"
  | "done"
  /** The same bytes were here already. */
  | "duplicate"
  | "refused"
  | "stopped";

export interface UploadEntry {
  readonly key: string;
  readonly name: string;
  readonly size: number;
  readonly phase: UploadPhase;
  /** Bytes read or sent so far. */
  readonly bytes: number;
  readonly upload: string | null;
  readonly sha256: string | null;
  readonly item: string | null;
  /** Why it was refused, in words. */
  readonly problem: string;
  /** When bytes began to flow, in milliseconds since 1970; `null` before. */
  readonly since: number | null;
}

export const uploadEntries = createStore<readonly UploadEntry[]>([]);

export const OPEN_PHASES: ReadonlySet<UploadPhase> = new Set([
  "waiting",
  "hashing",
  "sending",
  "interrupted",
]);

export function patchEntry(key: string, change: Partial<UploadEntry>): void {
  uploadEntries.set((entries) =>
    entries.map((entry) => (entry.key === key ? { ...entry, ...change } : entry)),
  );
}

export function dismissEntry(key: string): void {
  uploadEntries.set((entries) => entries.filter((entry) => entry.key !== key));
}

const STORAGE_KEY = "cratedig.uploads";

interface StoredUpload {
  readonly name: string;
  readonly size: number;
  readonly upload: string;
  readonly sha256: string;
}

/** Remember the open uploads, so that a reload can go on with them. */
export function storeOpenUploads(account: string): void {
  const open = uploadEntries
    .get()
    .filter((entry) => OPEN_PHASES.has(entry.phase) || entry.phase === "needs-file")
    .flatMap(({ name, size, upload, sha256 }): StoredUpload[] =>
      upload !== null && sha256 !== null ? [{ name, size, upload, sha256 }] : [],
    );
  localStorage.setItem(`${STORAGE_KEY}.${account}`, JSON.stringify(open));
}

/** Return the uploads that were open when the page was left. */
export function restoredUploads(account: string): readonly UploadEntry[] {
  let stored: readonly StoredUpload[];
  try {
    const text = localStorage.getItem(`${STORAGE_KEY}.${account}`) ?? "[]";
    stored = JSON.parse(text) as readonly StoredUpload[];
  } catch {
    return [];
  }
  return stored.map((entry) => ({
    ...entry,
    key: entry.upload,
    phase: "needs-file",
    bytes: 0,
    item: null,
    problem: "",
    since: null,
  }));
}

/** Return the interrupted upload that a picked file belongs to. */
export function resumableEntry(
  entries: readonly UploadEntry[],
  file: { name: string; size: number },
): UploadEntry | undefined {
  return entries.find(
    (entry) => entry.phase === "needs-file" && entry.name === file.name && entry.size === file.size,
  );
}
