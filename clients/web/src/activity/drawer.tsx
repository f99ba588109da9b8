/** Activity as a drawer over any place. */
import { useEffect, useRef } from "react";
import { useKeys } from "../keys/commands";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import type { WorkRow } from "./rows";
import { STAGES } from "./stages";
import { rowFraction, stateLine } from "./summary";
import { useWork } from "./work-context";

const ROWS_SHOWN = 12;
const LABELS = STAGES.map((stage) => stage.label);

export function ActivityDrawer({ onClose }: { onClose: () => void }) {
  const { rows } = useWork();
  const box = useRef<HTMLElement>(null);
  useKeys({ close: onClose });
  useEffect(() => {
    const before = document.activeElement;
    box.current?.querySelector<HTMLElement>("a, button")?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <section ref={box} className="drawer" role="dialog" aria-label="Activity">
      <div className="row drawer-head">
        <h2 className="grow">Activity</h2>
        <Link className="btn quiet small" href="/activity" onClick={onClose}>
          Open as a page
        </Link>
        <button type="button" className="icon-btn" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {rows.length === 0 && (
        <p className="fg1 drawer-empty">Nothing runs and nothing waits. Drop a song to begin.</p>
      )}
      <ul>
        {rows.slice(0, ROWS_SHOWN).map((row) => (
          <DrawerRow key={row.key} row={row} onOpen={onClose} />
        ))}
      </ul>
    </section>
  );
}

function DrawerRow({ row, onOpen }: { row: WorkRow; onOpen: () => void }) {
  return (
    <li>
      <Link className="drawer-row" href={`/activity?at=${row.key}`} onClick={onOpen}>
        <span className="ellipsis">{row.name || "…"}</span>
        <span className={row.state === "failed" ? "t12 danger ellipsis" : "t12 fg2 ellipsis"}>
          {stateLine(row, LABELS)}
        </span>
        {row.state === "now" && (
          <i
            className={row.upload ? "bar bytes" : "bar"}
            style={
              { "--progress": `${Math.round(rowFraction(row) * 100)}%` } as React.CSSProperties
            }
          />
        )}
      </Link>
    </li>
  );
}
