/** Answers to whether a tag fits a sound: shown at once, sent in order, undone one by one. */

import { api, data } from "../data/api";
import { createStore, type Store } from "../data/store";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { keepTag } from "./data";
import { requestsOf, type Answers } from "./requests";

const given = new Map<string, Store<Answers>>();

/** Return the answers that were given to a tag on this page, by item. */
export function answersOf(tag: string): Store<Answers> {
  let store = given.get(tag);
  if (!store) {
    store = createStore<Answers>(new Map());
    given.set(tag, store);
  }
  return store;
}

export interface AnswerOptions {
  /** What was done, such as `Paper snare 12 is dusty`. */
  readonly label: string;
  /** Called with the answers each time they are shown, also when they are taken back. */
  readonly onShow?: (answers: Answers) => void;
}

/** Give answers, undoably; return whether the server took them. */
export async function giveAnswers(
  tag: string,
  answers: Answers,
  { label, onShow }: AnswerOptions,
): Promise<boolean> {
  const store = answersOf(tag);
  const before: Answers = new Map(
    [...answers.keys()].map((item) => [item, store.get().get(item) ?? null]),
  );
  const show = (shown: Answers): void => {
    store.set((all) => new Map([...all, ...shown]));
    onShow?.(shown);
  };
  const send = async (sent: Answers): Promise<void> => {
    show(sent);
    for (const body of requestsOf(sent)) {
      const params = { path: { tag } };
      keepTag(await data(api.POST("/v1/taught-tags/{tag}/answers", { params, body })));
    }
  };
  show(answers);
  try {
    await undoQueue.run({ label, apply: () => send(answers), revert: () => send(before) });
    return true;
  } catch (error) {
    show(before);
    showToast(problemText(error));
    return false;
  }
}
