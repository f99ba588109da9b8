/** The state of teaching a tag: what is asked, what was answered, what sounds. */

import { useCallback, useEffect, useState } from "react";
import { setQuery, useAddress } from "../address";
import { player } from "../audio/player";
import { audition, prepareSounds, soundOf } from "../crate/audition";
import { useStore } from "../data/store";
import { useKeys } from "../keys/commands";
import { baseName } from "../parts/format";
import { answersOf, giveAnswers } from "./answers";
import type { TaughtTag } from "./data";
import type { Answer, Answers } from "./requests";
import { countAnswered, nextOpen } from "./round";
import { useProposals, useQuestions, type Rows } from "./use-rows";

export type Shown = "questions" | "proposals" | "effect";

export interface TeachState {
  readonly tag: TaughtTag;
  readonly shown: Shown;
  setShown(shown: Shown): void;
  readonly rows: Rows;
  readonly answers: Answers;
  readonly answered: number;
  /** Place of the current question, or -1. */
  readonly at: number;
  /** Make a question the current one and play it. */
  go(place: number): void;
  answer(place: number, answer: Answer | null): void;
  nextRound(): void;
}

export function useTeach(tag: TaughtTag): TeachState {
  const { query } = useAddress();
  const [round, setRound] = useState(0);
  const show = query.get("show");
  const shown: Shown = show === "proposals" || show === "effect" ? show : "questions";
  const questions = useQuestions(tag.name, round, shown !== "proposals");
  const proposals = useProposals(tag, shown === "proposals");
  const rows = shown === "proposals" ? proposals : questions;
  const answers = useStore(answersOf(tag.name));
  const items = rows.rows.map(({ hit }) => hit.item.id);
  const asked = Number(query.get("at")) - 1;
  const at =
    Number.isInteger(asked) && asked >= 0 && asked < items.length
      ? asked
      : nextOpen(items, answers, -1);

  const go = useCallback(
    (place: number): void => {
      const question = rows.rows[place];
      if (!question) return;
      setQuery({ at: String(place + 1) }, { replace: true });
      audition(question.hit);
    },
    [rows.rows],
  );
  const answer = (place: number, given: Answer | null): void => {
    const question = rows.rows[place];
    if (!question) return;
    const { id, name } = question.hit.item;
    void giveAnswers(tag.name, new Map([[id, given]]), {
      label: labelOf(baseName(name), tag.name, given),
    });
    if (given === null) return go(place);
    const next = nextOpen(items, new Map([...answers, [id, given]]), place);
    if (next >= 0) go(next);
    else player.pause();
  };
  const nextRound = (): void => {
    setRound(round + 1);
    setQuery({ at: null, show: null }, { replace: true });
  };
  usePrepared(rows);
  useKeys({
    "teach-yes": () => answer(at, "yes"),
    "teach-no": () => answer(at, "no"),
    "teach-skip": () => answer(at, "skip"),
    "teach-down": () => go(Math.min(at + 1, items.length - 1)),
    "teach-up": () => go(Math.max(at - 1, 0)),
    "teach-stop": () => player.pause(),
    "teach-again": () => go(at),
    "teach-more": () => {
      if (shown === "questions" && countAnswered(items, answers) === items.length) nextRound();
    },
    play: () => {
      const { sound, playing } = player.state.get();
      if (playing) player.pause();
      else if (at >= 0 && sound?.key !== items[at]) go(at);
      else void player.play();
    },
  });
  useNeighbours(go, at, items.length);
  return {
    tag,
    shown,
    setShown: (next) => setQuery({ show: next === "questions" ? null : next, at: null }),
    rows,
    answers,
    answered: countAnswered(items, answers),
    at,
    go,
    answer,
    nextRound,
  };
}

function labelOf(name: string, tag: string, answer: Answer | null): string {
  if (answer === null) return `Answer for ${name} taken back`;
  if (answer === "skip") return `${name} skipped`;
  return answer === "yes" ? `${name} is ${tag}` : `${name} is not ${tag}`;
}

/** Prepare the sounds of a round, so that an answer is followed by the next sound at once. */
function usePrepared({ rows }: Rows): void {
  useEffect(() => {
    const abort = new AbortController();
    void prepareSounds(
      rows.map(({ hit }) => soundOf(hit)),
      abort.signal,
    );
    return () => abort.abort();
  }, [rows]);
}

/** Let the transport's buttons move through the questions. */
function useNeighbours(go: (place: number) => void, at: number, total: number): void {
  useEffect(() => {
    player.neighbours.set({
      ...(at > 0 && { previous: () => go(at - 1) }),
      ...(at < total - 1 && { next: () => go(at + 1) }),
    });
    return () => player.neighbours.set({});
  }, [go, at, total]);
}
