/** The sounds that are asked about: the ten most doubtful, or the proposals. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { proposalsQuery, questionsQuery, type Question, type TaughtTag } from "./data";

export interface Rows {
  readonly rows: readonly Question[];
  readonly isPending: boolean;
  readonly error: unknown;
  /** Reads more rows; undefined if all are there. */
  readonly more: (() => void) | undefined;
}

const NONE: readonly Question[] = [];

export function useQuestions(tag: string, round: number, isShown: boolean): Rows {
  const questions = useQuery({ ...questionsQuery(tag, round), enabled: isShown });
  return {
    rows: questions.data ?? NONE,
    isPending: questions.isPending,
    error: questions.error,
    more: undefined,
  };
}

export function useProposals(tag: TaughtTag, isShown: boolean): Rows {
  const version = `${tag.threshold} ${tag.version}`;
  const proposals = useInfiniteQuery({
    ...proposalsQuery(tag.name, isShown ? version : ""),
    enabled: isShown,
  });
  return {
    rows: proposals.data?.pages.flatMap((page) => page.items) ?? NONE,
    isPending: proposals.isPending,
    error: proposals.error,
    more: proposals.hasNextPage ? () => void proposals.fetchNextPage() : undefined,
  };
}
