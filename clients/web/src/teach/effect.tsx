/** What the answers come to: threshold and proposals, agreement, new uploads, versions. */

import { Icon } from "../parts/icon";
import { plural } from "../parts/format";
import { changeTag, type TagVersion, type TaughtTag } from "./data";
import { confidenceText } from "./round";
import { Threshold } from "./threshold";

export function Effect({
  tag,
  isListed,
  onList,
}: {
  tag: TaughtTag;
  /** Whether the proposals are listed in place of the questions. */
  isListed: boolean;
  onList: () => void;
}) {
  const { histogram, threshold } = tag;
  if (tag.version == null) {
    return (
      <section>
        <h3>What it would tag</h3>
        <p className="t12 fg1">
          {`From ${plural(5, "yes-answer")} on, “${tag.name}” is learnt, and proposed to sounds that are like them.`}
        </p>
      </section>
    );
  }
  return (
    <>
      {histogram && threshold != null && (
        <Threshold
          key={`${tag.name} ${tag.version}`}
          {...{ tag, histogram, threshold, isListed, onList }}
        />
      )}
      <Agreement versions={tag.versions} current={tag.version} />
      <section>
        <h3>New uploads</h3>
        <button
          type="button"
          role="checkbox"
          aria-checked={tag.applies_to_new}
          className={tag.applies_to_new ? "facet-row on" : "facet-row"}
          onClick={() => toggleNew(tag)}
        >
          <span className="check">
            <Icon name="check" />
          </span>
          <span className="ellipsis">Propose “{tag.name}” on arrival</span>
        </button>
      </section>
      <Versions tag={tag} />
    </>
  );
}

function toggleNew({ name, applies_to_new: isOn }: TaughtTag): void {
  const label = isOn
    ? `${name} is no longer proposed on arrival`
    : `${name} is proposed on arrival`;
  void changeTag(name, label, { applies_to_new: !isOn }, { applies_to_new: isOn });
}

const WIDTH = 308;
const HEIGHT = 72;

/** F1 of each version over the answers that it learnt from. */
function Agreement({ versions, current }: { versions: readonly TagVersion[]; current: number }) {
  const points = versions
    .flatMap(({ number, yes, no, score }) =>
      score ? [{ number, answers: yes + no, f1: score.f1 }] : [],
    )
    .sort((a, b) => a.answers - b.answers || a.number - b.number);
  const now = points.find(({ number }) => number === current);
  if (!now) return null;
  const [first, last] = [points[0]?.answers ?? 0, points.at(-1)?.answers ?? 0];
  const x = (answers: number): number =>
    last === first ? WIDTH / 2 : 6 + ((answers - first) / (last - first)) * (WIDTH - 12);
  const y = (f1: number): number => HEIGHT - 4 - f1 * (HEIGHT - 10);
  const path = points.map(({ answers, f1 }) => `${x(answers)} ${y(f1)}`).join("L");
  const words = `${confidenceText(now.f1)} after ${plural(now.answers, "answer")}`;
  return (
    <section>
      <h3>
        Agreement with you <span className="fg2 plain">estimate, F1</span>
      </h3>
      <svg
        className="agreement"
        viewBox={`0 0 ${WIDTH} ${HEIGHT + 16}`}
        role="img"
        aria-label={`Agreement ${words}`}
      >
        {[0.25, 0.5, 0.75, 1].map((line) => (
          <path key={line} d={`M0 ${y(line)}H${WIDTH}`} className="grid" />
        ))}
        {points.length > 1 && <path d={`M${path}`} className="curve" />}
        <circle cx={x(now.answers)} cy={y(now.f1)} r="4" />
        <text x="0" y={HEIGHT + 13}>
          {first}
        </text>
        {last !== first && (
          <text x={WIDTH} y={HEIGHT + 13} textAnchor="end">
            {plural(last, "answer")}
          </text>
        )}
      </svg>
      <p className="t12 fg1">{words}</p>
    </section>
  );
}

/** Versions that are listed. */
const SHOWN = 8;

function Versions({ tag }: { tag: TaughtTag }) {
  const { version: current } = tag;
  if (current == null) return null;
  const shown = tag.versions.slice(0, SHOWN);
  const old = tag.versions.find(({ number }) => number === current);
  if (old && !shown.includes(old)) shown.push(old);
  const goBack = (to: TagVersion): void => {
    const label = `${tag.name} is back at version ${to.number}`;
    void changeTag(tag.name, label, { version: to.number }, { version: current });
  };
  return (
    <section>
      <h3>Versions</h3>
      <ul>
        {shown.map((version) => {
          const isNow = version.number === current;
          const answers = plural(version.yes + version.no, "answer");
          return (
            <li key={version.number} className={isNow ? "version now" : "version"}>
              <span>v{version.number}</span>
              <span className="ellipsis">
                {isNow ? "Now" : dayOf(new Date(version.created_at))}, {answers}
              </span>
              <span className="num" title="F1, cross-validated on your answers">
                {version.score ? confidenceText(version.score.f1) : ""}
              </span>
              {isNow ? (
                <span />
              ) : (
                <button
                  type="button"
                  className="link"
                  aria-label={`Go back to version ${version.number}`}
                  onClick={() => goBack(version)}
                >
                  Go back
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

const DAY_MS = 86_400_000;

/** Return when something was, in short: `12:04`, `Yesterday`, `12 Nov`. */
function dayOf(date: Date): string {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (date.getTime() >= midnight) {
    return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  }
  if (date.getTime() >= midnight - DAY_MS) return "Yesterday";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}
