/** Recommended sounds: heard, dismissed, collected; and what was dismissed, to take it back. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { problemText } from "../data/problems";
import { Dialog } from "../parts/dialog";
import { baseName } from "../parts/format";
import { Icon } from "../parts/icon";
import { Segmented } from "../parts/segmented";
import { audition, auditionItem } from "./audition";
import { collect, collectionsQuery } from "./collections-data";
import {
  dismiss,
  dismissedQuery,
  reasonText,
  recommendedQuery,
  takeBack,
} from "./recommended-data";
import "./recommended.css";
import { SmallWave } from "./small-wave";
import type { Collection, Item } from "./types";

type Shown = "recommended" | "dismissed";

const CHOICES: readonly { readonly value: Shown; readonly label: string }[] = [
  { value: "recommended", label: "Recommended" },
  { value: "dismissed", label: "Dismissed" },
];

export function RecommendedDialog({
  collection,
  onClose,
}: {
  /** The collection to complete; null for all that the user likes. */
  collection: Collection | null;
  onClose: () => void;
}) {
  const [shown, setShown] = useState<Shown>("recommended");
  const title = collection === null ? "Recommended for you" : `What fits ${collection.name}`;
  return (
    <Dialog label={title} className="dialog recommended" onClose={onClose}>
      <h2>{title}</h2>
      <Segmented label="Which sounds" value={shown} options={CHOICES} onChange={setShown} />
      {shown === "recommended" ? <Recommended collection={collection} /> : <Dismissed />}
      <div className="row recommended-end">
        <button type="button" className="btn quiet" data-autofocus onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Recommended({ collection }: { collection: Collection | null }) {
  const answer = useQuery(recommendedQuery(collection?.id ?? null));
  const names = new Map(
    (useQuery(collectionsQuery).data ?? []).map((each) => [each.id, each.name]),
  );
  if (answer.error) return <Note text={problemText(answer.error)} />;
  if (answer.data?.advice) return <Note text={answer.data.advice} />;
  if (answer.data?.state !== "ready") return <Note text="Recommendations are being computed." />;
  const sounds = answer.data.items ?? [];
  if (sounds.length === 0) return <Note text="None of your other sounds is close enough." />;
  return (
    <ul className="recommended-sounds" aria-label="Recommended sounds">
      {sounds.map(({ hit, reason }) => (
        <Row
          key={hit.item.id}
          item={hit.item}
          about={reasonText(reason, names)}
          onPlay={() => audition(hit)}
        >
          {collection !== null && (
            <button
              type="button"
              className="btn small"
              aria-label={`Add ${baseName(hit.item.name)}`}
              onClick={() => void collect(collection, [hit])}
            >
              Add
            </button>
          )}
          <button
            type="button"
            className="icon-btn small"
            aria-label={`Dismiss ${baseName(hit.item.name)}`}
            title="Never recommend it again"
            onClick={() => void dismiss(hit.item)}
          >
            <Icon name="close" />
          </button>
        </Row>
      ))}
    </ul>
  );
}

function Dismissed() {
  const pages = useInfiniteQuery(dismissedQuery);
  const rows = (pages.data?.pages ?? []).flatMap((page) => page.items);
  if (pages.error) return <Note text={problemText(pages.error)} />;
  if (pages.isSuccess && rows.length === 0) return <Note text="You dismissed nothing." />;
  return (
    <>
      <ul className="recommended-sounds" aria-label="Dismissed sounds">
        {rows.map(({ item, dismissed }) => (
          <Row
            key={item.id}
            item={item}
            about={`dismissed on ${new Date(dismissed).toLocaleDateString("en", { dateStyle: "medium" })}`}
            onPlay={() => auditionItem(item)}
          >
            <button
              type="button"
              className="btn small"
              aria-label={`Take ${baseName(item.name)} back`}
              onClick={() => void takeBack(item)}
            >
              Take back
            </button>
          </Row>
        ))}
      </ul>
      {pages.hasNextPage && (
        <button type="button" className="btn" onClick={() => void pages.fetchNextPage()}>
          Show more
        </button>
      )}
    </>
  );
}

function Row({
  item,
  about,
  onPlay,
  children,
}: {
  item: Item;
  about: string;
  onPlay: () => void;
  children: ReactNode;
}) {
  const name = baseName(item.name);
  return (
    <li>
      <button type="button" className="icon-btn small" aria-label={`Play ${name}`} onClick={onPlay}>
        <Icon name="play" />
      </button>
      <span className="recommended-text">
        <span className="ellipsis">{name}</span>
        <span className="ellipsis t12 fg2">{about}</span>
      </span>
      <SmallWave item={item.id} />
      <span className="row recommended-acts">{children}</span>
    </li>
  );
}

function Note({ text }: { text: string }) {
  return <p className="fg1 recommended-note">{text}</p>;
}
