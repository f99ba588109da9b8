/** The threshold over a histogram of confidences, and the proposals that it makes. */

import { useState } from "react";
import { countText } from "../crate/texts";
import { plural } from "../parts/format";
import { Link } from "../parts/link";
import { changeTag, type TaughtTag } from "./data";
import { confirmAll } from "./proposals";
import { confidenceText, countAbove, countInDoubt, DOUBT, queryName, sum } from "./round";

const WIDTH = 308;
const HEIGHT = 84;
const STEP = 0.02;

export function Threshold({
  tag,
  histogram,
  threshold,
  isListed,
  onList,
}: {
  tag: TaughtTag;
  histogram: readonly number[];
  threshold: number;
  /** Whether the proposals are listed beside. */
  isListed: boolean;
  onList: () => void;
}) {
  const [draft, setDraft] = useState<number | null>(null);
  const shown = draft ?? threshold;
  const isChanged = Math.abs(shown - threshold) > 1e-6;
  const count = isChanged ? countAbove(histogram, shown) : tag.proposed;
  const text = confidenceText(shown);
  const propose = (): void => {
    const label = `${tag.name} is proposed from ${text} on`;
    const back = tag.threshold_chosen ? threshold : null;
    void changeTag(tag.name, label, { threshold: shown }, { threshold: back }).then(() =>
      setDraft(null),
    );
  };
  return (
    <section>
      <h3>
        What it would tag
        <span className="fg2 plain">from {countText(sum(histogram))}</span>
      </h3>
      <div className="threshold-histogram">
        <Bars histogram={histogram} threshold={shown} />
        <input
          type="range"
          min={0}
          max={1}
          step={STEP}
          value={shown}
          aria-label="Threshold"
          aria-valuetext={`${text}, ${plural(count, "sound")}`}
          onChange={(event) => setDraft(Number(event.target.value))}
          onDoubleClick={() => setDraft(null)}
        />
      </div>
      <div className="row threshold-counts">
        <span className="grow" role="status">
          <b>{countText(count)}</b>{" "}
          <span className="fg1">
            {isChanged ? `surer than ${text}` : `proposed from ${text} on`}
          </span>
        </span>
        <span className="fg2 t12">{countText(countInDoubt(histogram))} in doubt</span>
      </div>
      <div className="row teach-acts">
        {isChanged ? (
          <>
            <button type="button" className="btn primary grow" onClick={propose}>
              Propose to {plural(count, "sound")}
            </button>
            <button type="button" className="btn" onClick={() => setDraft(null)}>
              Back to {confidenceText(threshold)}
            </button>
          </>
        ) : (
          tag.proposed > 0 && (
            <>
              <button
                type="button"
                className="btn primary grow"
                onClick={() => void confirmAll(tag)}
              >
                {tag.proposed === 1 ? "Confirm it" : `Confirm all ${countText(tag.proposed)}`}
              </button>
              <button type="button" className="btn" aria-pressed={isListed} onClick={onList}>
                {isListed ? "Questions" : "Listen"}
              </button>
            </>
          )
        )}
      </div>
      <p className="t12 fg2 teach-note">
        {tag.proposed === 0 && !isChanged ? (
          "No sound is as sure as that. Move the threshold, or answer more."
        ) : (
          <>
            They stay proposals, drawn dashed, until you confirm them.{" "}
            {!isChanged && (
              <Link
                className="link"
                href={`/crate?q=${encodeURIComponent(`proposed:${queryName(tag.name)}`)}`}
              >
                In the Crate
              </Link>
            )}
          </>
        )}
      </p>
    </section>
  );
}

function Bars({ histogram, threshold }: { histogram: readonly number[]; threshold: number }) {
  const most = Math.max(1, ...histogram);
  const step = WIDTH / histogram.length;
  const line = threshold * WIDTH;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" preserveAspectRatio="none">
      {histogram.map((count, place) => {
        const share = place / histogram.length;
        // The square root keeps the few sure ones visible beside the many that are not.
        const height = count === 0 ? 0 : Math.max(2, Math.sqrt(count / most) * (HEIGHT - 6));
        const isDoubtful = share >= DOUBT[0] && share < DOUBT[1];
        const names = share >= threshold - 1e-6 ? "above" : isDoubtful ? "doubt" : "below";
        return (
          <rect
            key={share}
            className={names}
            x={place * step}
            y={HEIGHT - height}
            width={step * 0.75}
            height={height}
          />
        );
      })}
      <path d={`M${line} 0V${HEIGHT}`} className="line" />
    </svg>
  );
}
