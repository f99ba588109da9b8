/** The tags at the left: those that are taught with their answers, then those given by hand only. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { navigate } from "../address";
import { folded } from "../crate/item-changes";
import { NameField } from "../crate/name-field";
import { tagsQuery } from "../crate/tags-data";
import { countText } from "../crate/texts";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { teachAddress } from "./address";
import { startTeaching, taughtTagsQuery } from "./data";

interface ListedTag {
  readonly name: string;
  readonly note: string;
  readonly version: string;
}

function useTags(): readonly ListedTag[] {
  const taught = useQuery(taughtTagsQuery).data ?? [];
  const tags = useQuery(tagsQuery).data ?? [];
  const names = new Set(taught.map(({ name }) => folded(name)));
  return [
    ...taught.map(({ name, yes, no, version }) => ({
      name,
      note: `${countText(yes)} yes, ${countText(no)} no`,
      version: version == null ? "" : `v${version}`,
    })),
    ...tags
      .filter(({ name }) => !names.has(folded(name)))
      .map(({ name }) => ({ name, note: "By hand only", version: "" })),
  ];
}

export function TagList({ current }: { current: string | null }) {
  const [isNaming, setIsNaming] = useState(false);
  const tags = useTags();
  const create = (name: string): void => {
    setIsNaming(false);
    void startTeaching(name).then((isThere) => {
      if (isThere) navigate(teachAddress(name));
    });
  };
  return (
    <nav className="facets teach-tags" aria-label="Your tags">
      <div className="teach-tags-head row">
        <h2 className="grow bold">Your tags</h2>
        <button
          type="button"
          className="icon-btn small"
          aria-label="New tag"
          title="New tag"
          onClick={() => setIsNaming(true)}
        >
          <Icon name="plus" />
        </button>
      </div>
      {isNaming && (
        <div className="teach-naming">
          <NameField
            label="Name of the new tag"
            value=""
            onName={create}
            onCancel={() => setIsNaming(false)}
          />
        </div>
      )}
      <ul>
        {tags.map(({ name, note, version }) => {
          const isCurrent = current !== null && folded(name) === folded(current);
          return (
            <li key={name}>
              <Link
                className="teach-tag"
                href={teachAddress(name)}
                aria-current={isCurrent ? "page" : undefined}
              >
                <span className="ellipsis">{name}</span>
                <span className="t12 fg2">{note}</span>
                <span className="t12 fg2 teach-version">{version}</span>
              </Link>
            </li>
          );
        })}
      </ul>
      {tags.length === 0 && <p className="fg2 teach-none">No tag yet.</p>}
    </nav>
  );
}

/** The same choice on a phone. */
export function TagChoice({ current }: { current: string }) {
  const tags = useTags();
  const known = tags.some(({ name }) => folded(name) === folded(current));
  return (
    <select
      className="select phone-only teach-choice"
      aria-label="Tag"
      value={tags.find(({ name }) => folded(name) === folded(current))?.name ?? current}
      onChange={(event) => navigate(teachAddress(event.target.value))}
    >
      {!known && <option value={current}>{current}</option>}
      {tags.map(({ name, note }) => (
        <option key={name} value={name}>{`${name} (${note})`}</option>
      ))}
    </select>
  );
}
