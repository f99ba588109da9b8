/** Crate › Teach: one tag, learnt from answers to the sounds that are most in doubt. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { navigate } from "../address";
import "../crate/crate.css";
import { tagsQuery } from "../crate/tags-data";
import { useMedia } from "../crate/grid";
import { folded } from "../crate/item-changes";
import { problemText } from "../data/problems";
import { useKeyLabel } from "../keys/commands";
import { plural } from "../parts/format";
import { Link } from "../parts/link";
import { Segmented } from "../parts/segmented";
import { teachAddress } from "./address";
import { startTeaching, taughtTagQuery, taughtTagsQuery, type TaughtTag } from "./data";
import { Effect } from "./effect";
import { QuestionRow } from "./question-row";
import { TagChoice, TagList } from "./tag-list";
import "./teach.css";
import { useTeach, type Shown, type TeachState } from "./use-teach";

export function Teach({ tag }: { tag: string | null }) {
  const taught = useQuery({ ...taughtTagsQuery, enabled: tag === null });
  const tags = useQuery({ ...tagsQuery, enabled: tag === null });
  const first = taught.data?.[0]?.name ?? tags.data?.[0]?.name;
  const isReady = taught.data !== undefined && tags.data !== undefined;
  useEffect(() => {
    if (tag === null && isReady && first !== undefined)
      navigate(teachAddress(first), { replace: true });
  }, [tag, isReady, first]);
  return (
    <main className="teach">
      <TagList current={tag} />
      {tag !== null ? (
        <OneTag key={tag} tag={tag} />
      ) : (
        <Notice title="Teach a tag">
          {isReady &&
            "A tag that you teach finds what else it fits. Make one at the left, or choose sounds in the Crate and teach them there."}
        </Notice>
      )}
    </main>
  );
}

function OneTag({ tag }: { tag: string }) {
  const all = useQuery(taughtTagsQuery);
  const name = all.data?.find((each) => folded(each.name) === folded(tag))?.name;
  const taught = useQuery({ ...taughtTagQuery(name ?? tag), enabled: name !== undefined });
  const error = all.error ?? taught.error;
  if (error) return <Notice title={tag}>{problemText(error)}</Notice>;
  if (taught.data) return <Taught tag={taught.data} />;
  if (all.isPending || name !== undefined) return <Notice title={tag} />;
  return (
    <Notice title={tag}>
      {`“${tag}” is given by hand only. Taught, it proposes itself to sounds that are like those you say yes to.`}
      <button type="button" className="btn primary" onClick={() => void startTeaching(tag)}>
        Teach “{tag}”
      </button>
    </Notice>
  );
}

function Taught({ tag }: { tag: TaughtTag }) {
  const state = useTeach(tag);
  const { shown, setShown } = state;
  const isNarrow = useMedia("(max-width: 1180px)");
  const options: { value: Shown; label: string }[] = [
    { value: "questions", label: "Questions" },
    ...(tag.proposed > 0 || shown === "proposals"
      ? [{ value: "proposals" as const, label: `Proposals, ${tag.proposed}` }]
      : []),
    ...(isNarrow ? [{ value: "effect" as const, label: "Effect" }] : []),
  ];
  const isEffect = isNarrow && shown === "effect";
  const effect = (
    <Effect
      tag={tag}
      isListed={shown === "proposals"}
      onList={() => setShown(shown === "proposals" ? "questions" : "proposals")}
    />
  );
  return (
    <>
      <section
        className="teach-main"
        aria-label={shown === "proposals" ? "Proposals" : "Questions"}
      >
        <div className="row teach-head">
          <TagChoice current={tag.name} />
          <h1 className="page-title grow">Is it {tag.name}?</h1>
          {options.length > 1 && (
            <Segmented
              label="Shown"
              value={isEffect ? "effect" : shown === "effect" ? "questions" : shown}
              options={options}
              onChange={setShown}
            />
          )}
        </div>
        {isEffect ? (
          <div className="inspector teach-effect">{effect}</div>
        ) : (
          <Questions state={state} />
        )}
      </section>
      {!isNarrow && (
        <aside className="inspector" aria-label="Effect">
          {effect}
        </aside>
      )}
    </>
  );
}

function Questions({ state }: { state: TeachState }) {
  const { tag, rows, answers, at, shown } = state;
  const isProposals = shown === "proposals";
  const isOver = rows.rows.length > 0 && state.answered === rows.rows.length;
  const moreKey = useKeyLabel("teach-more");
  return (
    <>
      <div className="row teach-lead">
        <p className="fg1 grow">
          <Lead state={state} />
        </p>
        {rows.rows.length > 0 && !isProposals && (
          <span className="t12 fg2" role="status">
            {state.answered} of {rows.rows.length} answered
          </span>
        )}
      </div>
      {rows.error !== null && (
        <p className="danger" role="alert">
          {problemText(rows.error)}
        </p>
      )}
      <ol className="questions">
        {rows.rows.map((question, place) => (
          <QuestionRow
            key={question.hit.item.id}
            tag={tag.name}
            number={place + 1}
            question={question}
            answer={answers.get(question.hit.item.id) ?? null}
            isNow={place === at}
            onGo={() => state.go(place)}
            onAnswer={(answer) => state.answer(place, answer)}
          />
        ))}
      </ol>
      {!rows.isPending && rows.rows.length === 0 && (
        <p className="fg2">
          {isProposals ? "Nothing is proposed now." : "No sound is in doubt now."}
        </p>
      )}
      {isProposals && rows.more && (
        <button type="button" className="btn teach-more" onClick={rows.more}>
          More proposals
        </button>
      )}
      {!isProposals && isOver && (
        <button type="button" className="btn primary teach-more" onClick={state.nextRound}>
          Ten more
          {moreKey !== undefined && <span className="kbd not-phone">{moreKey}</span>}
        </button>
      )}
      {rows.rows.length > 0 && <Hints />}
    </>
  );
}

function Lead({ state: { tag, shown } }: { state: TeachState }) {
  const cap = useKeyLabel("crate-teach");
  if (shown === "proposals") {
    return <>The surest come first. Yes puts the tag on a sound; no is remembered.</>;
  }
  if (tag.state === "needs_examples") {
    return (
      <>
        {`Say yes to ${plural(tag.needed, "more sound")} that ${tag.needed === 1 ? "is" : "are"} ${tag.name}; from five on it is learnt. `}
        You can also{" "}
        <Link className="link" href="/crate">
          choose sounds in the Crate
        </Link>
        {cap === undefined ? "." : ` and press ${cap}.`}
      </>
    );
  }
  return (
    <>
      These ten are where the tagger is least sure, so each answer teaches it most. You hear one at
      a time; answers can be taken back.
    </>
  );
}

function Hints() {
  const caps = [useKeyLabel("play"), useKeyLabel("teach-skip"), useKeyLabel("undo")];
  return (
    <p className="row t12 fg2 teach-hints not-phone">
      {["again", "skip", "take back"].map(
        (word, place) =>
          caps[place] !== undefined && (
            <span key={word}>
              <kbd className="kbd">{caps[place]}</kbd>&ensp;{word}
            </span>
          ),
      )}
    </p>
  );
}

function Notice({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <section className="teach-main" aria-busy={children === undefined}>
      <h1 className="page-title">{title}</h1>
      {children !== undefined && <div className="fg1 teach-notice">{children}</div>}
    </section>
  );
}
