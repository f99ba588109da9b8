/** The tags of a sound: yours as solid chips, the machine's as dashed proposals to judge. */

import { useQuery } from "@tanstack/react-query";
import { useKeyLabel } from "../keys/commands";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { taughtTagsQuery } from "../teach/data";
import { teachAddress } from "../teach/address";
import { folded, hasTag, type ItemChange } from "./item-changes";
import { confidenceText } from "./texts";
import type { SearchHit } from "./types";

/** Proposals that are listed, the most confident first. */
const PROPOSALS = 8;

export function SoundTags({
  hit,
  onAdd,
  onEdit,
  onAnswer,
}: {
  hit: SearchHit;
  onAdd: () => void;
  onEdit: (change: ItemChange, label: string) => void;
  /** Answers whether a taught tag fits. */
  onAnswer: (tag: string, answer: "yes" | "no") => void;
}) {
  const taught = new Set((useQuery(taughtTagsQuery).data ?? []).map(({ name }) => folded(name)));
  const cap = useKeyLabel("crate-tag");
  const tags = hit.tags ?? [];
  const own = tags.filter((tag) => tag.source === "user");
  const proposals = tags
    .filter((tag) => tag.source !== "user" && !hasTag(hit, tag.name))
    .slice(0, PROPOSALS);
  return (
    <ul className="sound-tags" aria-label="Tags">
      {own.map((tag) => (
        <li key={tag.name} className="chip">
          <Link href={teachAddress(tag.name)} title={`Teach ${tag.name}`}>
            {tag.name}
          </Link>
          <button
            type="button"
            aria-label={`Remove the tag ${tag.name}`}
            onClick={() => onEdit({ removeTags: [tag.name] }, `Tag ${tag.name} removed`)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
      {proposals.map((tag) => (
        <li key={tag.name} className="chip proposal">
          {taught.has(folded(tag.name)) ? (
            <Link href={teachAddress(tag.name)} title={`Teach ${tag.name}`}>
              {tag.name}
            </Link>
          ) : (
            tag.name
          )}
          {tag.confidence != null && ` ${confidenceText(tag.confidence).replace(/^0/, "")}`}
          <button
            type="button"
            aria-label={`Yes, ${tag.name}`}
            onClick={() => {
              if (taught.has(folded(tag.name))) onAnswer(tag.name, "yes");
              else onEdit({ addTags: [tag.name] }, `Tag ${tag.name} confirmed`);
            }}
          >
            <Icon name="check" />
          </button>
          {taught.has(folded(tag.name)) && (
            <button
              type="button"
              aria-label={`No, not ${tag.name}`}
              onClick={() => onAnswer(tag.name, "no")}
            >
              <Icon name="close" />
            </button>
          )}
        </li>
      ))}
      <li>
        <button type="button" className="chip add" onClick={onAdd}>
          <Icon name="plus" />
          Tag {cap !== undefined && <span className="kbd">{cap}</span>}
        </button>
      </li>
    </ul>
  );
}
