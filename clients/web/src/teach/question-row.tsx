/** A sound with the question whether the tag fits it. */

import { useEffect, useRef } from "react";
import { InspectorWave } from "../crate/inspector-wave";
import { SmallWave } from "../crate/small-wave";
import { nameWithoutSong } from "../crate/texts";
import { useSongName } from "../crate/use-song-name";
import { baseName } from "../parts/format";
import { Icon } from "../parts/icon";
import { useKeyLabel } from "../keys/commands";
import type { Answer } from "./requests";
import type { Question } from "./data";
import { confidenceText } from "./round";

export function QuestionRow({
  tag,
  number,
  question,
  answer,
  isNow,
  onGo,
  onAnswer,
}: {
  tag: string;
  number: number;
  question: Question;
  answer: Answer | null;
  isNow: boolean;
  /** Makes it the current one and plays it. */
  onGo: () => void;
  onAnswer: (answer: Answer | null) => void;
}) {
  const { hit, confidence } = question;
  const song = useSongName(hit.song ?? null);
  const name = nameWithoutSong(baseName(hit.item.name), song);
  const row = useRef<HTMLLIElement>(null);
  const yesKey = useKeyLabel("teach-yes");
  const noKey = useKeyLabel("teach-no");
  useEffect(() => {
    if (isNow) row.current?.scrollIntoView({ block: "nearest" });
  }, [isNow]);
  const names = ["question", isNow && "now", answer !== null && "done"];
  return (
    <li
      ref={row}
      className={names.filter(Boolean).join(" ")}
      aria-current={isNow ? "true" : undefined}
    >
      <span className="num fg2 question-number">{number}</span>
      <button type="button" className="question-name" title="Play" onClick={onGo}>
        <span className="ellipsis">{name}</span>
        <span className="t12 fg2 ellipsis">{song}</span>
      </button>
      {isNow ? <InspectorWave hit={hit} /> : <SmallWave item={hit.item.id} />}
      <span
        className="num t12 fg2 question-confidence"
        title="How sure the tagger is: of ten at .8, eight are right"
      >
        {confidence != null && confidenceText(confidence)}
      </span>
      <div className="question-acts">
        {answer !== null ? (
          <>
            <span className="question-answer">
              <Icon name={answer === "yes" ? "check" : answer === "no" ? "close" : "right"} />
              {answer === "yes" ? capital(tag) : answer === "no" ? `Not ${tag}` : "Skipped"}
            </span>
            <button
              type="button"
              className="icon-btn small"
              aria-label={`Take back the answer for ${name}`}
              title="Take back"
              onClick={() => onAnswer(null)}
            >
              <Icon name="retry" />
            </button>
          </>
        ) : (
          <>
            <button
              type="button"
              className={isNow ? "btn large" : "btn small quiet"}
              onClick={() => onAnswer("yes")}
            >
              Yes
              <span className="sr-only">, {name}</span>
              {isNow && yesKey !== undefined && <span className="kbd not-phone">{yesKey}</span>}
            </button>
            <button
              type="button"
              className={isNow ? "btn large" : "btn small quiet"}
              onClick={() => onAnswer("no")}
            >
              No
              <span className="sr-only">, {name}</span>
              {isNow && noKey !== undefined && <span className="kbd not-phone">{noKey}</span>}
            </button>
          </>
        )}
      </div>
    </li>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
