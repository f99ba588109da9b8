/** Return the address of teaching a tag. */
export function teachAddress(tag: string): string {
  return `/crate/teach/${encodeURIComponent(tag)}`;
}
