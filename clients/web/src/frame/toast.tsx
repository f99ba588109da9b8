/** The toast on screen: 8 seconds, longer while the pointer or the focus is on it. */
import { useEffect, useState } from "react";
import { useStore } from "../data/store";
import { toast } from "../data/toasts";
import { Icon } from "../parts/icon";

const SHOWN_MS = 8000;

export function Toast() {
  const shown = useStore(toast);
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (!shown || held) return;
    const timer = setTimeout(() => toast.set(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [shown, held]);
  return (
    <div role="status">
      {shown && (
        <div
          className="toast"
          onPointerEnter={() => setHeld(true)}
          onPointerLeave={() => setHeld(false)}
          onFocus={() => setHeld(true)}
          onBlur={() => setHeld(false)}
        >
          <span>{shown.text}</span>
          {shown.action && (
            <button
              type="button"
              className="btn small"
              onClick={() => {
                shown.action?.run();
                setHeld(false);
                toast.set(null);
              }}
            >
              {shown.action.label}
            </button>
          )}
          <button
            type="button"
            className="icon-btn"
            aria-label="Close"
            onClick={() => {
              setHeld(false);
              toast.set(null);
            }}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
