/** Text of lyrics that a user changes, and the times that its words then have. */
import type { LyricLine, Word } from "./song";

/** Seconds of a new line that no other line follows. */
const NEW_LINE = 2;

/** The words of a text. */
function split(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}

/** Words spread evenly over a range of seconds, by their letters. */
function spread(texts: readonly string[], start: number, end: number): Word[] {
  const letters = texts.reduce((sum, text) => sum + text.length, 0);
  let before = 0;
  return texts.map((text) => {
    const at = (count: number): number => start + ((end - start) * count) / Math.max(1, letters);
    const word = { text, start: at(before), end: at(before + text.length), confidence: 1 };
    before += text.length;
    return word;
  });
}

/** A line of words, whose text and times are theirs. */
export function lineOf(words: readonly Word[]): LyricLine {
  return {
    start: words[0]?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
    text: words.map(({ text }) => text).join(" "),
    confidence: 1,
    words: words.map((word, index) => ({ ...word, space_before: index > 0 })),
  };
}

/** A line with another text: as many words keep their times, others are spread over the line. */
export function retext(line: LyricLine, text: string): LyricLine | null {
  const texts = split(text);
  if (texts.length === 0) return null;
  const { words } = line;
  if (texts.length === words.length)
    return lineOf(
      words.map((word, index) => {
        const own = texts[index] ?? word.text;
        return own === word.text ? word : { ...word, text: own, confidence: 1 };
      }),
    );
  const [start, end] = [words[0]?.start ?? line.start, words.at(-1)?.end ?? line.end];
  return lineOf(spread(texts, start, end));
}

/**
 * Lines of a whole text. A line with the text of one before keeps its times; others take the times
 * of the line that they replace, or the room up to the next line.
 */
export function relines(lines: readonly LyricLine[], text: string, duration: number): LyricLine[] {
  const texts = text
    .split("\n")
    .map((line) => split(line).join(" "))
    .filter(Boolean);
  const plain = lines.map((line) => line.words.map((word) => word.text.trim()).join(" "));
  const matches = matched(plain, texts);
  const made: LyricLine[] = [];
  let next = 0;
  texts.forEach((own, index) => {
    const match = matches[index];
    if (match !== undefined) {
      const line = lines[match];
      next = match + 1;
      if (line) made.push(line);
      return;
    }
    const following = matches.slice(index).find((other) => other !== undefined) ?? lines.length;
    const replaced = lines[next];
    if (replaced && next < following) {
      next += 1;
      const line = retext(replaced, own);
      if (line) made.push(line);
      return;
    }
    const start = Math.min(made.at(-1)?.end ?? 0, duration);
    const room = (lines[following]?.start ?? start + NEW_LINE) - start;
    const end = Math.min(duration, start + Math.max(0, Math.min(room, NEW_LINE)));
    made.push(lineOf(spread(split(own), start, end)));
  });
  return made;
}

/** For each new line the old line of the same text, in order. */
function matched(before: readonly string[], after: readonly string[]): (number | undefined)[] {
  let from = 0;
  return after.map((text) => {
    const index = before.indexOf(text, from);
    if (index < 0) return undefined;
    from = index + 1;
    return index;
  });
}

/** Stamp the start of a word; the word before it ends there at the latest. */
export function stamped(words: readonly Word[], index: number, seconds: number): Word[] {
  return words.map((word, place) => {
    if (place === index) {
      const length = Math.max(0.1, word.end - word.start);
      return { ...word, start: seconds, end: seconds + length, confidence: 1 };
    }
    if (place === index - 1)
      return { ...word, end: Math.max(word.start, Math.min(word.end, seconds)) };
    return word;
  });
}

/** Lines that the server takes: every word after the one before it, and within the song. */
export function inOrder(lines: readonly LyricLine[], duration: number): LyricLine[] {
  let before = 0;
  return lines
    .filter(({ words }) => words.length > 0)
    .map(({ words }) =>
      lineOf(
        words.map((word) => {
          const start = Math.min(duration, Math.max(before, word.start));
          before = start;
          return { ...word, start, end: Math.min(duration, Math.max(start, word.end)) };
        }),
      ),
    );
}
