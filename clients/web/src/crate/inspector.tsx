/** The inspector: one sound, what is known of it, and what can be done with it. */

import { useQuery } from "@tanstack/react-query";
import { exportItems } from "../export/open";
import { canBeWav } from "../export/saving";
import { useTooltip } from "../keys/commands";
import { baseName, formatLength } from "../parts/format";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { collectionsQuery, uncollect } from "./collections-data";
import { InspectorWave } from "./inspector-wave";
import { noteOf } from "./musical-keys";
import { saveSound } from "./saving";
import { Similar } from "./similar";
import { Stars } from "./stars";
import { SoundTags } from "./sound-tags";
import { levelText } from "./texts";
import type { SearchHit } from "./types";
import type { Crate } from "./use-crate";
import { useSongName } from "./use-song-name";
import { giveAnswers } from "../teach/answers";
import { CorrectableFacts } from "./correcting";
import { editSounds, type Patch } from "./editing";
import { answered, type ItemChange } from "./item-changes";

export function Inspector({
  crate,
  onTray,
  onTag,
  onCollect,
  onLike,
}: {
  crate: Crate;
  onTray: () => void;
  onTag: () => void;
  onCollect: () => void;
  onLike: () => void;
}) {
  const { hit } = crate;
  const trayTip = useTooltip("crate-to-tray");
  const exportTip = useTooltip("export");
  const saveTip = useTooltip("crate-save");
  const collectTip = useTooltip("crate-collect");
  const collections = useQuery(collectionsQuery);
  if (!hit) return <p className="inspector-none fg2">No sound is current.</p>;
  const edit = (change: ItemChange, label: string): void => {
    void editSounds({ hits: [hit], change, label }, (items, patch) =>
      crate.pages.patch(items, patch),
    );
  };
  const answer = (tag: string, given: "yes" | "no"): void => {
    const name = baseName(hit.item.name);
    void giveAnswers(tag, new Map([[hit.item.id, given]]), {
      label: given === "yes" ? `${name} is ${tag}` : `${name} is not ${tag}`,
      onShow: (answers) =>
        crate.pages.patch(answers.keys(), (row) =>
          answered(row, hit, tag, answers.get(row.item.id) ?? null),
        ),
    });
  };
  const open = collections.data?.find((one) => one.id === crate.filters.collection);
  return (
    <>
      <section>
        <div className="row inspector-title">
          <h2 className="ellipsis grow" title={baseName(hit.item.name)}>
            {baseName(hit.item.name)}
          </h2>
          <button
            type="button"
            className={hit.favourite ? "icon-btn small starred" : "icon-btn small"}
            aria-label="Favourite"
            aria-pressed={hit.favourite ?? false}
            onClick={() =>
              edit({ favourite: !hit.favourite }, hit.favourite ? "Favourite removed" : "Favourite")
            }
          >
            <Icon name="star" {...(hit.favourite && { className: "filled" })} />
          </button>
          <button
            type="button"
            className="icon-btn small"
            aria-label="Export"
            title={exportTip}
            onClick={() => exportItems([hit.item])}
          >
            <Icon name="expand" />
          </button>
        </div>
        {hit.item.rejection != null && (
          <p className="inspector-refused">Not taken: {hit.item.rejection}</p>
        )}
        <InspectorWave hit={hit} />
        <div className="row inspector-ends t11 fg2">
          <span>0</span>
          {hit.attack != null && <span>attack {formatLength(hit.attack)}</span>}
          <span>{hit.item.audio ? formatLength(hit.item.audio.duration) : ""}</span>
        </div>
        <div className="row inspector-acts">
          <button type="button" className="btn primary grow" title={trayTip} onClick={onTray}>
            <Icon name="plus" />
            To tray <span className="kbd">↵</span>
          </button>
          <button type="button" className="btn" title={saveTip} onClick={() => void saveSound(hit)}>
            <Icon name="download" />
            {canBeWav(hit.item) ? "WAV" : "FLAC"}
          </button>
          <button type="button" className="btn" title={collectTip} onClick={onCollect}>
            Collect
          </button>
        </div>
        {open && (
          <button
            type="button"
            className="btn small quiet inspector-out"
            onClick={() => void uncollect(open, [hit]).then(crate.reload)}
          >
            Take out of {open.name}
          </button>
        )}
      </section>
      <Facts hit={hit} patch={(items, change) => crate.pages.patch(items, change)} />
      <section>
        <h3>
          Tags
          <Stars
            rating={hit.rating ?? null}
            onRating={(rating) => edit({ rating }, rating ? `Rated ${rating}` : "Rating removed")}
          />
        </h3>
        <SoundTags hit={hit} onAdd={onTag} onEdit={edit} onAnswer={answer} />
      </section>
      {hit.item.kind === "sample" && <Similar item={hit.item.id} onAll={onLike} />}
    </>
  );
}

function Facts({ hit, patch }: { hit: SearchHit; patch: Patch }) {
  const song = useSongName(hit.song ?? null);
  const stem = hit.item.stem ?? hit.item.lineage?.stem;
  // A stem is as long as its song: it was not cut.
  const start = hit.item.kind === "sample" ? hit.item.lineage?.start : null;
  const rate = hit.item.audio?.sample_rate;
  return (
    <section>
      <dl>
        <CorrectableFacts hit={hit} patch={patch} />
        {hit.pitch != null && (
          <Fact name="Pitch">
            {noteOf(hit.pitch)}, {Math.round(hit.pitch)} Hz
          </Fact>
        )}
        {hit.loudness != null && <Fact name="Loudness">{levelText(hit.loudness)} LUFS</Fact>}
        {hit.brightness != null && (
          <Fact name="Brightness">{Math.round(hit.brightness).toLocaleString("en")} Hz</Fact>
        )}
        {hit.noisiness != null && (
          <Fact name="Noisiness" title="0 for a tone, about 0.85 for white noise">
            {hit.noisiness.toFixed(2)}
          </Fact>
        )}
        {hit.song && (
          <Fact name="From">
            <Link className="link" href={`/tracks/${hit.song}`}>
              {song || "A song"}
            </Link>
            {stem && `, ${stem}`}
            {start != null && rate !== undefined && (
              <span className="fg2"> at {formatLength(start / rate)}</span>
            )}
            {hit.item.lineage && start != null && (
              <Link
                className="link cut-link"
                href={`/tracks/${hit.item.lineage.parent}?cuts=${stem ?? "song"}&cut=${hit.item.id}`}
              >
                Edit the cut
              </Link>
            )}
          </Fact>
        )}
        {hit.licence && <Fact name="Licence">{hit.licence}</Fact>}
      </dl>
    </section>
  );
}

function Fact({
  name,
  title,
  children,
}: {
  name: string;
  title?: string;
  children: React.ReactNode;
}) {
  return (
    <div className="fact-row" title={title}>
      <dt>{name}</dt>
      <dd className="wide">{children}</dd>
    </div>
  );
}
