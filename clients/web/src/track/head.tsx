/** The head of a track: its name, what the machine found, and what is heard. */
import { useCallback, useState } from "react";
import { player } from "../audio/player";
import { runCommand, useKeyLabel, useTooltip } from "../keys/commands";
import { baseName, formatClock } from "../parts/format";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { Segmented } from "../parts/segmented";
import type { TrackController } from "./controller";
import type { SongData } from "./data";
import { rename } from "./edits";
import { useAtPlayhead } from "./now";
import { formText, keyName, shareText } from "./song";

export function TrackHead({
  song,
  track,
  isRenaming,
  setRenaming,
}: {
  song: SongData;
  track: TrackController;
  isRenaming: boolean;
  setRenaming: (renaming: boolean) => void;
}) {
  const { item } = song;
  const exportTip = useTooltip("export");
  const artist = item.metadata?.["artist"];
  return (
    <header className="track-head">
      <Link className="icon-btn not-phone" href="/tracks" aria-label="All tracks">
        <Icon name="left" />
      </Link>
      <div className="track-title">
        {isRenaming ? (
          <NameField song={song} onDone={() => setRenaming(false)} />
        ) : (
          <h1 className="ellipsis" title={item.name} onDoubleClick={() => setRenaming(true)}>
            {baseName(item.name)}
          </h1>
        )}
        <div className="t12 fg2 ellipsis">
          {[artist, formatClock(track.duration)].filter(Boolean).join(", ")}
        </div>
      </div>
      <Facts song={song} />
      <span className="grow not-phone" />
      {track.stems.length > 0 && song.files.canonical && <Hear track={track} />}
      <button type="button" className="btn" title={exportTip} onClick={() => runCommand("export")}>
        <Icon name="download" />
        Export
      </button>
    </header>
  );
}

function NameField({ song, onDone }: { song: SongData; onDone: () => void }) {
  const [name, setName] = useState(song.item.name);
  const save = (): void => {
    onDone();
    void rename(song.item, name);
  };
  return (
    <input
      className="name-field"
      aria-label="Name"
      value={name}
      maxLength={255}
      // The field replaces the name that was just double-clicked.
      autoFocus
      onFocus={(event) => event.target.select()}
      onChange={(event) => setName(event.target.value)}
      onBlur={save}
      onKeyDown={(event) => {
        if (event.key === "Enter") save();
        if (event.key === "Escape") onDone();
      }}
    />
  );
}

function Facts({ song: { item, analysis, results } }: { song: SongData }) {
  const tempo = analysis?.tempo;
  const bpm = item.bpm ?? tempo?.bpm;
  const isOurs = bpm !== undefined && Math.abs(bpm - (tempo?.bpm ?? 0)) > 0.05;
  const key = analysis?.key;
  const levels = results.get("ingest")?.["levels"] as { integrated_lufs?: number } | undefined;
  const loudness = levels?.integrated_lufs;
  const sections = analysis?.sections ?? [];
  return (
    <div className="facts">
      {bpm !== undefined && (
        <Fact
          label="Tempo"
          value={bpm.toFixed(1)}
          detail={isOurs || !tempo ? "" : shareText(tempo.confidence)}
          title={
            isOurs && tempo
              ? `Cratedig says ${tempo.bpm.toFixed(1)}`
              : tempo && `Steady: ${Math.round(tempo.steadiness * 100)} % of beats`
          }
        />
      )}
      {key && (
        <Fact
          label="Key"
          value={keyName(key.best.key)}
          detail={`${key.best.camelot} ${shareText(key.best.confidence)}`}
          title={`Second: ${keyName(key.second.key)}, ${shareText(key.second.confidence)}`}
        />
      )}
      {loudness !== undefined && (
        <Fact wide label="Loudness" value={loudness.toFixed(1).replace("-", "−")} detail="LUFS" />
      )}
      {sections.length > 1 && (
        <Fact wide label="Form" value={formText(sections)} detail={`${sections.length} parts`} />
      )}
    </div>
  );
}

function Fact({
  label,
  value,
  detail,
  title,
  wide,
}: {
  label: string;
  value: string;
  detail: string;
  title?: string | null | undefined;
  wide?: boolean;
}) {
  return (
    <div className={wide ? "fact not-phone" : "fact"} title={title ?? undefined}>
      <span>{label}</span>
      <b>{value}</b>
      {detail && <span className="fact-detail">{detail}</span>}
    </div>
  );
}

function Hear({ track }: { track: TrackController }) {
  const key = useKeyLabel("track-hear");
  const id = useAtPlayhead(
    "",
    useCallback(() => Math.round(player.mix.match() * 10) / 10, []),
  );
  const gain = id === 0 ? "" : `, ${id > 0 ? "+" : "−"}${Math.abs(id).toFixed(1)} dB`;
  return (
    <>
      <Segmented
        label="What you hear"
        value={track.hearsOriginal ? "original" : "stems"}
        options={[
          { value: "stems", label: "Stems" },
          { value: "original", label: "Original" },
        ]}
        onChange={(value) => track.hearOriginal(value === "original")}
      />
      <span className="t12 fg2 wide-only hear-note" title="The original is as loud as the stems">
        matched{gain} {key && <kbd className="kbd">{key}</kbd>}
      </span>
    </>
  );
}
