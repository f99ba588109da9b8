/** A dialog over the work: focus stays inside it and returns to where it was. */
import { useEffect, useRef, type ReactNode } from "react";

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select, textarea";

export function Dialog({
  label,
  className,
  onClose,
  children,
}: {
  label: string;
  className?: string;
  /** Called for Escape and a click outside; without it the dialog stays open. */
  onClose?: () => void;
  children: ReactNode;
}) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const inside = box.current;
    if (inside && !inside.contains(document.activeElement))
      (inside.querySelector<HTMLElement>("input, [data-autofocus]") ?? inside).focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <div
      className="scrim"
      role="presentation"
      onPointerDown={(event) => {
        if (event.target === event.currentTarget) onClose?.();
      }}
    >
      <div
        ref={box}
        className={className ?? "dialog"}
        role="dialog"
        aria-modal="true"
        aria-label={label}
        tabIndex={-1}
        onKeyDown={(event) => {
          if (event.key === "Escape" && onClose) {
            event.stopPropagation();
            event.preventDefault();
            onClose();
          }
          if (event.key === "Tab") keepFocus(event, box.current);
        }}
      >
        {children}
      </div>
    </div>
  );
}

function keepFocus(event: React.KeyboardEvent, box: HTMLElement | null): void {
  const stops = [...(box?.querySelectorAll<HTMLElement>(FOCUSABLE) ?? [])];
  const first = stops[0];
  const last = stops.at(-1);
  if (!first || !last) return;
  const active = document.activeElement;
  if (event.shiftKey && (active === first || active === box)) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && active === last) {
    event.preventDefault();
    first.focus();
  }
}
