/** A secret that only one answer of the server contains, to be copied now. */
import type { ReactNode } from "react";
import { copyText } from "./copy-text";
import "./shown-once.css";

const REFUSED = "The browser does not let the page copy. Select the text and copy it.";

export function ShownOnce({
  secret,
  onDone,
  children,
}: {
  secret: string;
  onDone: () => void;
  /** What it is for. */
  children: ReactNode;
}) {
  return (
    <div role="status" className="shown-once">
      <p className="bold">{children}</p>
      <p className="secret mono">{secret}</p>
      <button
        type="button"
        className="btn"
        onClick={() => void copyText(secret, { refused: REFUSED })}
      >
        Copy
      </button>{" "}
      <button type="button" className="btn quiet" onClick={onDone}>
        Done
      </button>
    </div>
  );
}
