/** Parts of the facet column. */

import { useState, type ReactNode } from "react";
import { Icon } from "../parts/icon";
import { useDropTarget } from "./drop-target";
import { countText } from "./texts";
import type { SearchHit } from "./types";

export function FacetGroup({
  title,
  note,
  children,
}: {
  title: string;
  note?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="facet" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span>{note}</span>}
      </header>
      {children}
    </section>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
  /** Undefined while the counts are not there. */
  readonly count: number | undefined;
}

/** A list of values of which any number can be chosen; the rest opens below the first few. */
export function Choices({
  choices,
  chosen,
  shown,
  more,
  onToggle,
  onSounds,
  actionOf,
}: {
  choices: readonly Choice[];
  chosen: readonly string[];
  /** How many are listed at first. */
  shown: number;
  /** What the others are called: "classes". */
  more: string;
  onToggle: (value: string) => void;
  /** Takes sounds that are dropped on a value. */
  onSounds?: (value: string, hits: SearchHit[]) => void;
  /** Returns what stands beside a value that is chosen. */
  actionOf?: (value: string) => ReactNode;
}) {
  const [isOpen, setIsOpen] = useState(false);
  const first = choices.slice(0, shown);
  const rest = choices.slice(shown);
  const hidden = rest.filter((choice) => !chosen.includes(choice.value));
  const listed = isOpen ? choices : [...first, ...rest.filter((c) => chosen.includes(c.value))];
  return (
    <>
      {listed.map((choice) => {
        const isChosen = chosen.includes(choice.value);
        return (
          <div key={choice.value} className="choice">
            <CheckRow
              label={choice.label}
              count={choice.count}
              checked={isChosen}
              onToggle={() => onToggle(choice.value)}
              {...(onSounds && { onSounds: (hits: SearchHit[]) => onSounds(choice.value, hits) })}
            />
            {isChosen && actionOf?.(choice.value)}
          </div>
        );
      })}
      {(hidden.length > 0 || (isOpen && rest.length > 0)) && (
        <button type="button" className="facet-more" onClick={() => setIsOpen(!isOpen)}>
          {isOpen ? "Fewer" : `${hidden.length} more ${more}`}
        </button>
      )}
    </>
  );
}

export function CheckRow({
  label,
  count,
  checked,
  onToggle,
  onSounds,
}: {
  label: string;
  count?: number | undefined;
  checked: boolean;
  onToggle: () => void;
  onSounds?: (hits: SearchHit[]) => void;
}) {
  const target = useDropTarget((hits) => onSounds?.(hits));
  const isTarget = onSounds !== undefined;
  return (
    <button
      type="button"
      role="checkbox"
      aria-checked={checked}
      className={`facet-row${checked ? " on" : ""}${target.isOver && isTarget ? " over" : ""}`}
      onClick={onToggle}
      {...(isTarget && target.handlers)}
    >
      <span className="check">
        <Icon name="check" />
      </span>
      <span className="ellipsis">{label}</span>
      <span className="facet-count">{count === undefined ? "" : countText(count)}</span>
    </button>
  );
}

/** Return a list with a value added, or without it if it was there. */
export function toggled(values: readonly string[], value: string): string[] {
  return values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
}
