/** Files out of a drop: folders are read through, hidden files left out. */

/** Endings of files that are taken from a folder; a file dropped by itself is always tried. */
const AUDIO_FILE =
  /\.(wav|wave|flac|mp3|ogg|oga|opus|m4a|aac|aif|aiff|aifc|w64|caf|mp4|mov|mkv|webm)$/i;

/** Whether a file is a pack: a ZIP archive, whose sounds become items. */
export function isPackName(name: string): boolean {
  return /\.zip$/i.test(name);
}

/** Whether a file of a folder is taken. */
export function isAudioName(name: string): boolean {
  return !name.startsWith(".") && AUDIO_FILE.test(name);
}

/** Whether a drag carries files from outside, not text, links or our own rows. */
export function carriesFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes("Files") ?? false;
}

/** Return the files of a drop. Must be called in the event's handler, before it returns. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) =>
    item.kind === "file" ? item.webkitGetAsEntry() : null,
  );
  const plain = [...transfer.files];
  if (entries.every((entry) => entry === null)) return plain;
  const found: File[] = [];
  for (const entry of entries) {
    if (entry) await collect(entry, found, true);
  }
  return found;
}

async function collect(entry: FileSystemEntry, into: File[], named: boolean): Promise<void> {
  if (isFile(entry)) {
    if (named || isAudioName(entry.name))
      into.push(await new Promise<File>((resolve, reject) => entry.file(resolve, reject)));
  } else if (isDirectory(entry)) {
    for (const child of await children(entry)) await collect(child, into, false);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** Return all entries of a folder; a reader hands out at most 100 at once. */
async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (batch.length === 0) return all;
    all.push(...batch);
  }
}
