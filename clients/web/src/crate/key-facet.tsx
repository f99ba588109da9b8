/** The facet of keys: an octave of a keyboard, and whether keys that fit are meant too. */

import { Segmented } from "../parts/segmented";
import { FacetGroup } from "./facet-parts";
import type { KeyChoice, KeyMatch } from "./filters";
import { camelotNamed, camelotOf, compatible, KEYS, keyWords } from "./musical-keys";
import { countText } from "./texts";

const WHITE = [0, 2, 4, 5, 7, 9, 11];
const BLACK = [1, 3, 6, 8, 10];
/** How many white keys are left of each black one. */
const WHITE_BEFORE: Readonly<Record<number, number>> = { 1: 1, 3: 2, 6: 4, 8: 5, 10: 6 };

export function KeyFacet({
  chosen,
  counts,
  onChange,
}: {
  chosen: KeyChoice | null;
  /** Number of sounds by Camelot code; undefined while it is not known. */
  counts: ReadonlyMap<string, number> | undefined;
  onChange: (key: KeyChoice | null) => void;
}) {
  const code = chosen === null ? null : camelotNamed(chosen.name);
  const key = code === null ? undefined : KEYS.get(code);
  const fitting = code !== null && chosen?.match === "compatible" ? compatible(code) : [];
  const near = new Set(fitting.map((one) => KEYS.get(one)?.pitchClass));
  const countOf = (pitchClass: number, minor: boolean): number =>
    counts?.get(camelotOf(pitchClass, minor)) ?? 0;
  const choose = (pitchClass: number): void => {
    const isSame = key?.pitchClass === pitchClass;
    const isMinorMore = countOf(pitchClass, true) >= countOf(pitchClass, false);
    const minor = isSame ? !key.minor : isMinorMore;
    const name = KEYS.get(camelotOf(pitchClass, minor))?.name;
    if (name) onChange({ name, match: chosen?.match ?? "compatible" });
  };
  const piano = (pitchClass: number) => {
    const isChosen = key?.pitchClass === pitchClass;
    const major = KEYS.get(camelotOf(pitchClass, false))?.name ?? "";
    const count = countOf(pitchClass, true) + countOf(pitchClass, false);
    const state = isChosen ? " chosen" : near.has(pitchClass) ? " near" : "";
    const isBlack = BLACK.includes(pitchClass);
    const spoken = major.replace("#", " sharp").replace("b", " flat");
    return (
      <button
        key={pitchClass}
        type="button"
        className={`piano-${isBlack ? "black" : "white"}${state}`}
        style={isBlack ? { left: `calc(${WHITE_BEFORE[pitchClass] ?? 0} * 100% / 7)` } : undefined}
        aria-pressed={isChosen}
        aria-label={isChosen && code !== null ? keyWords(code) : spoken}
        title={`${isChosen && code !== null ? keyWords(code) : spoken}, ${countText(count)} sounds in major and minor`}
        onClick={() => choose(pitchClass)}
      >
        {!isBlack && major}
      </button>
    );
  };
  const match: KeyMatch | "any" = chosen?.match ?? "any";
  return (
    <FacetGroup title="Key" note={note(code, chosen)}>
      <div className="piano" role="group" aria-label="Key; choose one again for major or minor">
        {WHITE.map(piano)}
        {BLACK.map(piano)}
      </div>
      <div className="facet-segments">
        <Segmented
          label="Which keys"
          value={match}
          options={[
            { value: "exact", label: "Exact" },
            { value: "compatible", label: "Compatible" },
            { value: "any", label: "Any" },
          ]}
          onChange={(value) => {
            if (value === "any") onChange(null);
            else onChange({ name: chosen?.name ?? mostFrequent(counts), match: value });
          }}
        />
      </div>
    </FacetGroup>
  );
}

function note(code: string | null, chosen: KeyChoice | null): string {
  if (code === null) return "any";
  return chosen?.match === "compatible" ? `${keyWords(code)} and neighbours` : keyWords(code);
}

/** Return the name of the key that most sounds have. */
function mostFrequent(counts: ReadonlyMap<string, number> | undefined): string {
  const [code] = [...(counts ?? [])].sort((a, b) => b[1] - a[1])[0] ?? ["8A"];
  return KEYS.get(code)?.name ?? "Am";
}
