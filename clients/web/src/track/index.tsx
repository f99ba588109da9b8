/** One track: its stems, sections, chords, words and notes over one timeline, and the mixer. */
import { problemText } from "../data/problems";
import { Link } from "../parts/link";
import { useSong } from "./data";
import { TrackPage } from "./page";
import "./track.css";
import "./roll.css";

export function Track({ item }: { item: string }) {
  const state = useSong(item);
  if (state.kind === "ready") return <TrackPage song={state.song} />;
  if (state.kind === "failed")
    return (
      <main className="plain-page">
        <h1 className="page-title">This track cannot be shown</h1>
        <p className="fg1 track-error">{problemText(state.error)}</p>
        <button type="button" className="btn" onClick={() => state.retry()}>
          Try again
        </button>{" "}
        <Link className="btn quiet" href="/tracks">
          All tracks
        </Link>
      </main>
    );
  return (
    <main className="track" aria-busy="true" aria-label="Loading">
      <div className="track-head">
        <div className="skeleton" style={{ width: 160, marginLeft: 32 }} />
      </div>
    </main>
  );
}
