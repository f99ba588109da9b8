/** The sounds that a pad goes through. */

/** Return the sound that follows one in a ring, leaving out those on other pads; null if none does. */
export function nextInRing<T extends { readonly id: string }>(
  ring: readonly T[],
  now: string,
  step: 1 | -1,
  elsewhere: ReadonlySet<string>,
): T | null {
  const at = ring.findIndex((item) => item.id === now);
  for (let turn = 1; turn < ring.length; turn += 1) {
    const next = ring[(at + step * turn + ring.length * turn) % ring.length];
    if (next && !elsewhere.has(next.id)) return next;
  }
  return null;
}
