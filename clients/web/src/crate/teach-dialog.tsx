/** Teaches a tag with the selected sounds, or the current one, as examples. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { navigate } from "../address";
import { showToast } from "../data/toasts";
import { plural } from "../parts/format";
import { Segmented } from "../parts/segmented";
import { giveAnswers } from "../teach/answers";
import { startTeaching, taughtTagsQuery } from "../teach/data";
import type { Answer } from "../teach/requests";
import { teachAddress } from "../teach/address";
import { answered, folded } from "./item-changes";
import { PickDialog } from "./pick-dialog";
import { tagsQuery } from "./tags-data";
import type { Crate } from "./use-crate";

export function TeachDialog({ crate, onClose }: { crate: Crate; onClose: () => void }) {
  const [answer, setAnswer] = useState<Exclude<Answer, "skip">>("yes");
  const taught = useQuery(taughtTagsQuery).data ?? [];
  const tags = useQuery(tagsQuery).data ?? [];
  const known = new Set(taught.map(({ name }) => folded(name)));
  const count = crate.targetCount;
  const teach = (tag: string): void => void teachTargets(crate, tag, answer);
  return (
    <PickDialog
      label={count > 1 ? `Teach a tag with ${count} sounds` : "Teach a tag with this sound"}
      picks={[
        ...taught.map(({ name, yes, no }) => ({
          id: name,
          label: name,
          detail: `${yes} yes, ${no} no`,
        })),
        ...tags
          .filter(({ name }) => !known.has(folded(name)))
          .map(({ name }) => ({ id: name, label: name, detail: "by hand only" })),
      ]}
      create="New tag"
      onPick={teach}
      onCreate={teach}
      onClose={onClose}
    >
      <div className="pick-choice">
        <Segmented
          label="Yes or no"
          value={answer}
          options={[
            { value: "yes", label: count > 1 ? "They have it" : "It has it" },
            { value: "no", label: count > 1 ? "They do not" : "It does not" },
          ]}
          onChange={setAnswer}
        />
      </div>
    </PickDialog>
  );
}

async function teachTargets(
  { targets, pages }: Crate,
  tag: string,
  answer: Exclude<Answer, "skip">,
): Promise<void> {
  const [hits, isThere] = await Promise.all([targets(), startTeaching(tag)]);
  if (!isThere || hits.length === 0) return;
  const before = new Map(hits.map((hit) => [hit.item.id, hit]));
  const examples = plural(hits.length, answer === "yes" ? "example" : "counter-example");
  const isTaken = await giveAnswers(tag, new Map([...before.keys()].map((id) => [id, answer])), {
    label: `${examples} of ${tag}`,
    onShow: (answers) =>
      pages.patch(answers.keys(), (row) =>
        answered(row, before.get(row.item.id) ?? row, tag, answers.get(row.item.id) ?? null),
      ),
  });
  if (!isTaken) return;
  const open = { label: "Open", run: () => navigate(teachAddress(tag)) };
  showToast(`${examples} of ${tag}.`, open);
}
