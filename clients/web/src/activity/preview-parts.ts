/** Names of previews, grouped by stem. */

export interface StemPreview {
  readonly job: string;
  readonly stem: string;
  /** Names of its parts, in the order of the song. */
  readonly parts: readonly string[];
}

/** `drums-003.flac`: the fourth part of the drums. */
const PART = /^(.+)-(\d+)\.\w+$/;

/** Group the previews of a job by stem. */
export function previewParts(job: string, names: readonly string[]): readonly StemPreview[] {
  const parts = new Map<string, [number, string][]>();
  for (const name of names) {
    const match = PART.exec(name);
    const [, stem, number] = match ?? [];
    if (stem === undefined || number === undefined) continue;
    parts.set(stem, [...(parts.get(stem) ?? []), [Number(number), name]]);
  }
  return [...parts].map(([stem, list]) => ({
    job,
    stem,
    parts: list.sort(([a], [b]) => a - b).map(([, name]) => name),
  }));
}
