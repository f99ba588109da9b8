/** Where the words of the lyrics stand in their lane. */
import type { LyricLine } from "./song";
import { shareOf, type View } from "./view";

/** Pixels between two words. */
const GAP = 6;
/** Pixels that a cut line needs to be worth showing. */
const MIN_LINE = 24;

/** A word, or a whole line where its words have no room beside each other. */
export interface PlacedWords {
  /** Positions among all words of the song. */
  readonly words: readonly number[];
  readonly text: string;
  /** Pixels from the left edge of the lane. */
  readonly left: number;
  /** Pixels after which the text is cut; null is as wide as the text. */
  readonly width: number | null;
}

/**
 * Place the words in view, each where it begins or after the one before it.
 *
 * No word is left out: if a line does not fit before the next one begins, it becomes one text,
 * which the lane cuts with an ellipsis.
 */
export function placeWords(
  lines: readonly Pick<LyricLine, "words">[],
  view: View,
  width: number,
  widthOf: (text: string) => number,
): PlacedWords[] {
  const placed: PlacedWords[] = [];
  const at = (seconds: number) => shareOf(view, seconds) * width;
  const sung = lines.filter(({ words }) => words.length > 0);
  let first = 0;
  sung.forEach(({ words }, number) => {
    const indices = words.map((_, offset) => first + offset);
    first += words.length;
    const start = words[0]?.start ?? 0;
    const next = sung[number + 1]?.words[0]?.start ?? Infinity;
    if (start > view.end || next < view.start || (words.at(-1)?.end ?? 0) < view.start) return;
    let end = -Infinity;
    const lefts = words.map((word) => {
      const left = Math.max(at(word.start), end);
      end = left + widthOf(word.text) + GAP;
      return left;
    });
    const room = at(next) - at(start) - GAP;
    if (end - GAP <= at(next)) {
      words.forEach(({ text }, offset) => {
        placed.push({
          words: [first - words.length + offset],
          text,
          left: lefts[offset] ?? 0,
          width: null,
        });
      });
    } else if (room >= MIN_LINE) {
      const text = words.map((word) => word.text).join(" ");
      placed.push({ words: indices, text, left: at(start), width: room });
    }
  });
  return placed;
}
