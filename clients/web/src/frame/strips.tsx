/** Strips under the top bar: the connection is lost. */
import { offlineSince } from "../data/online";
import { useStore } from "../data/store";

export function Strips() {
  const since = useStore(offlineSince);
  return (
    <div className="strips" role="status">
      {since && (
        <div className="offline-strip">
          Offline since{" "}
          {since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}.
          You can go on listening to what is loaded; what needs the server waits.
        </div>
      )}
    </div>
  );
}
