/** Names of new maps. */

/** Return a name for a copy of a map that no other has: `everything 2`. */
export function copyName(name: string, taken: readonly string[]): string {
  const stem = name.replace(/ \d+$/, "");
  for (let number = 2; ; number += 1) {
    const copy = `${stem} ${number}`;
    if (!taken.includes(copy)) return copy;
  }
}

/** Return a name for a map of a collection, as names of maps may be written. */
export function nameOf(collection: string, taken: readonly string[]): string {
  const plain = collection.normalize("NFKD").replace(/\p{M}/gu, "");
  const name = plain.replace(/[^A-Za-z0-9 ._-]+/g, "-").replace(/^[^A-Za-z0-9]+|[ -]+$/g, "");
  const short = name.slice(0, 50) || "collection";
  return taken.includes(short) ? copyName(short, taken) : short;
}
