/** A short dialog that picks a name from a list, or makes a new one: tags and collections. */

import { useId, useState, type ReactNode } from "react";
import { Dialog } from "../parts/dialog";

export interface Pick {
  readonly id: string;
  readonly label: string;
  readonly detail?: string;
}

export function PickDialog({
  label,
  picks,
  create,
  onPick,
  onCreate,
  onClose,
  children,
}: {
  label: string;
  picks: readonly Pick[];
  /** What the last row says for a name that is not in the list: "New tag". */
  create: string;
  onPick: (id: string) => void;
  onCreate: (name: string) => void;
  onClose: () => void;
  /** Stands between the field and the list. */
  children?: ReactNode;
}) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const typed = text.trim();
  const found = picks.filter((pick) => pick.label.toLowerCase().includes(typed.toLowerCase()));
  const isKnown = picks.some((pick) => pick.label.toLowerCase() === typed.toLowerCase());
  const rows = typed !== "" && !isKnown ? [...found, null] : found;
  const current = Math.min(at, rows.length - 1);
  const take = (row: Pick | null | undefined): void => {
    if (row === undefined) return;
    onClose();
    if (row === null) onCreate(typed);
    else onPick(row.id);
  };
  return (
    <Dialog label={label} className="palette pick" onClose={onClose}>
      <div className="palette-input">
        <input
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={current >= 0 ? `${list}-${current}` : undefined}
          aria-label={label}
          placeholder={label}
          maxLength={64}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") setAt(Math.min(current + 1, rows.length - 1));
            else if (event.key === "ArrowUp") setAt(Math.max(current - 1, 0));
            else if (event.key === "Enter") take(rows[current]);
            else return;
            event.preventDefault();
          }}
        />
        <span className="kbd">Esc</span>
      </div>
      {children}
      <div id={list} role="listbox" aria-label={label} className="pick-list">
        {rows.map((row, index) => (
          <div
            key={row?.id ?? "new"}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === current}
            className="palette-row"
            onPointerMove={() => setAt(index)}
            onClick={() => take(row)}
          >
            <span className="ellipsis grow">{row ? row.label : `${create} “${typed}”`}</span>
            {row?.detail !== undefined && <span className="fg2 t12">{row.detail}</span>}
          </div>
        ))}
        {rows.length === 0 && <p className="fg2 pick-empty">Type a name.</p>}
      </div>
    </Dialog>
  );
}
