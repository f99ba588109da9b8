/** The ring in the top bar: the sum of all work; opens the drawer of Activity. */
import { useAddress } from "../address";
import { summaryOf } from "../activity/summary";
import { useWork } from "../activity/work-context";
import { runCommand, useTooltip } from "../keys/commands";

export function ActivityPill() {
  const { path } = useAddress();
  const { text, fraction } = summaryOf(useWork().rows);
  const tip = useTooltip("activity");
  return (
    <button
      type="button"
      className="pill"
      title={tip}
      aria-label={`Activity: ${text}`}
      aria-current={path === "/activity" ? "page" : undefined}
      onClick={() => runCommand("activity")}
    >
      <span
        className="ring"
        style={{ "--progress": `${Math.round(fraction * 100)}%` } as React.CSSProperties}
      />
      <span className="wide-only not-phone">{text}</span>
    </button>
  );
}
