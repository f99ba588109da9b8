/** A name that is typed where it stands: Enter or leaving the field takes it, Escape does not. */

import { useEffect, useRef, useState } from "react";

export function NameField({
  label,
  value,
  onName,
  onCancel,
}: {
  label: string;
  value: string;
  onName: (name: string) => void;
  onCancel: () => void;
}) {
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const isDone = useRef(false);
  useEffect(() => {
    input.current?.focus();
    input.current?.select();
  }, []);
  const finish = (isTaken: boolean): void => {
    if (isDone.current) return;
    isDone.current = true;
    const name = text.trim();
    if (isTaken && name !== "") onName(name);
    else onCancel();
  };
  return (
    <input
      ref={input}
      className="name-field"
      aria-label={label}
      maxLength={100}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => finish(true)}
      onKeyDown={(event) => {
        if (event.key === "Enter") finish(true);
        else if (event.key === "Escape") finish(false);
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
  );
}
