/** A collection that somebody shared by a link: seen and playable without an account. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { player } from "../audio/player";
import { ProblemError } from "../data/problem-error";
import { problemText } from "../data/problems";
import { useKeys } from "../keys/commands";
import { plural } from "../parts/format";
import { togglePlayback } from "../parts/playback";
import {
  collectionQuery,
  coverQuery,
  itemsQuery,
  soundOf,
  type SharedCollection,
  type SharedItem,
} from "./data";
import { SharedRow } from "./row";
import "./shared.css";
import { Wave } from "./wave";

export function SharedPlace({ secret }: { secret: string }) {
  const collection = useQuery(collectionQuery(secret));
  if (collection.isPending) return <main aria-busy="true" aria-label="Loading" />;
  if (collection.error) return <Ended error={collection.error} />;
  return <Listening secret={secret} collection={collection.data} />;
}

function Ended({ error }: { error: Error }) {
  const isGone = error instanceof ProblemError && error.status === 404;
  return (
    <main className="plain-page">
      <h1 className="page-title">{isGone ? "This link has ended" : "Not loaded"}</h1>
      <p className="fg1 shared-note">
        {isGone
          ? "It has expired, or whoever shared the collection revoked it. Ask them for a new one."
          : problemText(error)}
      </p>
    </main>
  );
}

function Listening({ secret, collection }: { secret: string; collection: SharedCollection }) {
  const pages = useInfiniteQuery(itemsQuery(secret));
  const items = (pages.data?.pages ?? []).flatMap((page) => page.items);
  const playable = items.filter((item) => item.audio != null);
  const play = (item: SharedItem): void => {
    const at = playable.indexOf(item);
    const [before, after] = [playable[at - 1], playable[at + 1]];
    player.neighbours.set({
      ...(before && { previous: () => play(before) }),
      ...(after && { next: () => play(after) }),
    });
    void player.load(soundOf(secret, collection.name, item));
  };
  const step = (by: number): void => {
    const key = player.state.get().sound?.key;
    const at = playable.findIndex((item) => item.id === key);
    const next = playable[at < 0 ? 0 : Math.min(Math.max(at + by, 0), playable.length - 1)];
    if (next) play(next);
  };
  useKeys({
    "shared-next": () => step(1),
    "shared-previous": () => step(-1),
    play: () => (player.state.get().sound ? togglePlayback() : step(0)),
  });
  return (
    <main className="shared">
      <header className="shared-head">
        <Cover secret={secret} collection={collection} items={items} />
        <div>
          <h1 className="page-title">{collection.name}</h1>
          <p className="fg2">
            {plural(collection.items, "sound")}
            {collection.downloads ? ", to hear and download" : ", to hear"}. This link works until{" "}
            {new Date(collection.expires).toLocaleDateString("en", { dateStyle: "long" })}.
          </p>
          {collection.note && <p className="fg1 shared-note">{collection.note}</p>}
        </div>
      </header>
      {pages.error && (
        <p className="danger shared-text" role="alert">
          {problemText(pages.error)}
        </p>
      )}
      {pages.isSuccess && items.length === 0 && (
        <p className="fg1 shared-text">This collection is empty.</p>
      )}
      <ol className="shared-items" aria-label="Sounds">
        {items.map((item) => (
          <SharedRow
            key={item.id}
            secret={secret}
            item={item}
            canSave={collection.downloads}
            onPlay={() => play(item)}
          />
        ))}
      </ol>
      {pages.hasNextPage && (
        <button
          type="button"
          className="btn shared-more"
          disabled={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
        >
          Show more
        </button>
      )}
    </main>
  );
}

/** The picture of a collection: an image, or the waveform of one of its items. */
function Cover({
  secret,
  collection,
  items,
}: {
  secret: string;
  collection: SharedCollection;
  items: readonly SharedItem[];
}) {
  const image = useQuery({ ...coverQuery(secret), enabled: collection.has_cover_image });
  const item = items.find(({ id }) => id === collection.cover_item);
  if (image.data) return <img className="shared-cover" src={image.data.url} alt="" />;
  if (item) {
    return (
      <span className="shared-cover">
        <Wave item={item} />
      </span>
    );
  }
  return null;
}
