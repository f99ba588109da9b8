/** A value that is changed where it stands: double-click, or E while it has focus. */
import { useRef, useState, type PointerEvent, type ReactNode } from "react";

const stop = (event: PointerEvent): void => event.stopPropagation();

export function Editable({
  label,
  value,
  onSave,
  className = "",
  title,
  children,
}: {
  /** What is changed, such as `Tempo`. */
  label: string;
  /** The text to start from. */
  value: string;
  /** Called with the text once Enter is pressed or the field is left, unless it stayed the same. */
  onSave: (text: string) => void;
  className?: string;
  title?: string | null | undefined;
  children: ReactNode;
}) {
  const [isEditing, setEditing] = useState(false);
  const isDone = useRef(false);
  const edit = (): void => {
    isDone.current = false;
    setEditing(true);
  };
  const finish = (text: string | null): void => {
    if (isDone.current) return;
    isDone.current = true;
    setEditing(false);
    if (text !== null && text.trim() !== value.trim()) onSave(text.trim());
  };
  if (!isEditing)
    return (
      <span
        className={`editable ${className}`}
        role="button"
        tabIndex={0}
        aria-label={value === "" ? `No ${label.toLowerCase()}` : undefined}
        title={title ?? `${label}: double-click or E to change`}
        onDoubleClick={edit}
        onKeyDown={(event) => {
          if (event.ctrlKey || event.metaKey || event.altKey) return;
          if (event.key !== "Enter" && event.key.toLowerCase() !== "e") return;
          event.preventDefault();
          event.stopPropagation();
          edit();
        }}
      >
        {children}
      </span>
    );
  return (
    <input
      className="edit-field"
      aria-label={label}
      defaultValue={value}
      size={Math.max(4, value.length + 1)}
      // The field replaces the value that was just double-clicked.
      autoFocus
      onFocus={(event) => event.target.select()}
      onPointerDown={stop}
      onPointerUp={stop}
      onBlur={(event) => finish(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") finish(event.currentTarget.value);
        else if (event.key === "Escape") finish(null);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
