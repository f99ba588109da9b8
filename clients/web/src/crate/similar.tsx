/** The sounds that are most like one; a click plays one, and a key lists them all. */

import { useQuery } from "@tanstack/react-query";
import { api, data } from "../data/api";
import { ProblemError } from "../data/problem-error";
import { useStore } from "../data/store";
import { useKeyLabel } from "../keys/commands";
import { baseName } from "../parts/format";
import { audition } from "./audition";
import { areAllDown, DialControls, dials, shareText } from "./dials";
import { SmallWave } from "./small-wave";
import { songNames } from "./song-names";
import { nameWithoutSong } from "./texts";

const SHOWN = 6;

export function Similar({ item, onAll }: { item: string; onAll: () => void }) {
  const cap = useKeyLabel("crate-like");
  const values = useStore(dials);
  const areDown = areAllDown(values);
  const similar = useQuery({
    queryKey: ["crate", "similar", item, values],
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/items/{item}/similar", {
          params: { path: { item }, query: { limit: SHOWN, ...values } },
          signal,
        }),
      ),
    enabled: !areDown,
    // While a dial moves, the neighbours of before stay.
    placeholderData: (before, query) => (query?.queryKey[2] === item ? before : undefined),
    retry: false,
  });
  useStore(songNames.version);
  const sounds = areDown || similar.error ? [] : (similar.data?.items ?? []);
  const isMissing = (similar.data?.missing ?? []).length > 0;
  return (
    <section>
      <h3>
        Sounds like this
        <button type="button" className="btn small quiet" onClick={onAll}>
          List all {cap !== undefined && <span className="kbd">{cap}</span>}
        </button>
      </h3>
      <DialControls />
      {areDown && <p className="fg2">Turn a dial up to compare sounds.</p>}
      {similar.error && !areDown && (
        <p className="fg2">
          {similar.error instanceof ProblemError
            ? similar.error.message
            : "Neighbours are not there just now."}
        </p>
      )}
      {isMissing && (
        <p className="fg2">This sound is being listened to; neighbours appear in a moment.</p>
      )}
      {sounds.map(({ hit, distance }) => (
        <button
          key={hit.item.id}
          type="button"
          className="similar"
          title="Play"
          onClick={() => audition(hit)}
        >
          <span className="ellipsis">
            {nameWithoutSong(baseName(hit.item.name), hit.song ? songNames.get(hit.song) : "")}
          </span>
          <SmallWave item={hit.item.id} />
          <span className="num" title="Likeness: 1 is the same sound">
            {shareText(Math.max(0, 1 - distance))}
          </span>
        </button>
      ))}
    </section>
  );
}
