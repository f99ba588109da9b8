/** Answers to whether a tag fits sounds, and the requests that give them. */

/** `skip` only puts the question off. */
export type Answer = "yes" | "no" | "skip";
/** Null takes an answer back. */
export type Answers = ReadonlyMap<string, Answer | null>;

/** Answers that one request holds. */
export const MAX_ANSWERS = 500;

/** Return the requests that give answers. */
export function requestsOf(
  answers: Answers,
): { answers: { item: string; answer: Answer | null }[] }[] {
  const all = [...answers].map(([item, answer]) => ({ item, answer }));
  const requests = [];
  for (let first = 0; first < all.length; first += MAX_ANSWERS) {
    requests.push({ answers: all.slice(first, first + MAX_ANSWERS) });
  }
  return requests;
}
