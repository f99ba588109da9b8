/** The sounds that are most like one; a click plays one, and a key lists them all. */

import { useQuery } from "@tanstack/react-query";
import { api, data } from "../data/api";
import { useStore } from "../data/store";
import { useKeyLabel } from "../keys/commands";
import { baseName } from "../parts/format";
import { audition } from "./audition";
import { SmallWave } from "./small-wave";
import { songNames } from "./song-names";
import { nameWithoutSong } from "./texts";

const SHOWN = 6;

export function Similar({ item, onAll }: { item: string; onAll: () => void }) {
  const cap = useKeyLabel("crate-like");
  const similar = useQuery({
    queryKey: ["crate", "similar", item],
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/items/{item}/similar", {
          params: { path: { item }, query: { limit: SHOWN } },
          signal,
        }),
      ),
  });
  useStore(songNames.version);
  const sounds = similar.data?.items ?? [];
  const isMissing = (similar.data?.missing ?? []).length > 0;
  return (
    <section>
      <h3>
        Sounds like this
        <button type="button" className="btn small quiet" onClick={onAll}>
          List all {cap !== undefined && <span className="kbd">{cap}</span>}
        </button>
      </h3>
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
            {Math.max(0, 1 - distance)
              .toFixed(2)
              .replace(/^0/, "")}
          </span>
        </button>
      ))}
    </section>
  );
}
