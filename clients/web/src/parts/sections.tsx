/** A place of several sections, with their links at the side. */
import type { ComponentType, ReactNode } from "react";
import { Link } from "./link";

export interface Section {
  /** The last part of its address. */
  readonly id: string;
  readonly label: string;
  readonly Content: ComponentType;
}

export function Sections({
  label,
  address,
  sections,
  section,
  children,
}: {
  /** Name of the navigation. */
  label: string;
  /** Address of the place: `/settings`. */
  address: string;
  sections: readonly [Section, ...Section[]];
  /** Id of the current section; the first one if there is none of this id. */
  section: string;
  /** Further links. */
  children?: ReactNode;
}) {
  const current = sections.find(({ id }) => id === section) ?? sections[0];
  return (
    <div className="settings">
      <nav aria-label={label}>
        {sections.map((each) => (
          <Link
            key={each.id}
            href={`${address}/${each.id}`}
            aria-current={each.id === current.id ? "page" : undefined}
          >
            {each.label}
          </Link>
        ))}
        {children}
      </nav>
      <main>
        <h1 className="page-title">{current.label}</h1>
        <current.Content />
      </main>
    </div>
  );
}
