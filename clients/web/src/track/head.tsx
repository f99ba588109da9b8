/** The head of a track: its name, what the machine found, and what is heard. */
import { useCallback, useState } from "react";
import { player } from "../audio/player";
import { showToast } from "../data/toasts";
import { runCommand, useKeyLabel, useTooltip } from "../keys/commands";
import { Editable } from "../parts/editable";
import { baseName, formatClock } from "../parts/format";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { Segmented } from "../parts/segmented";
import type { TrackController } from "./controller";
import type { SongData } from "./data";
import { MAX_TEMPO, MIN_TEMPO, chordText, parseTempo } from "./corrected";
import { rename, saveKey, takeBack } from "./edits";
import { useAtPlayhead } from "./now";
import { formText, keyChanges, keyName, shareText, tempoRange, type Analysis } from "./song";

export function TrackHead({
  song,
  track,
  isRenaming,
  setRenaming,
  saveTempo,
}: {
  song: SongData;
  track: TrackController;
  isRenaming: boolean;
  setRenaming: (renaming: boolean) => void;
  saveTempo: (bpm: number | null) => void;
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
      <Facts song={song} saveTempo={saveTempo} />
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

function tempoTitle({ steadiness, curve }: NonNullable<Analysis["tempo"]>): string {
  const steady = `Steady: ${Math.round(steadiness * 100)} % of beats`;
  return [steady, tempoRange(curve)].filter(Boolean).join("; ");
}

function keyTitle({ second, sections }: NonNullable<Analysis["key"]>): string {
  const other = `Second: ${keyName(second.key)}, ${shareText(second.confidence)}`;
  return [other, keyChanges(sections)].filter(Boolean).join("; ");
}

function Facts({ song, saveTempo }: { song: SongData; saveTempo: (bpm: number | null) => void }) {
  const { item, analysis, results, corrections } = song;
  const tempo = analysis?.tempo;
  const bpm = item.bpm ?? tempo?.bpm;
  const key = analysis?.key;
  const ownKey = corrections.get("key")?.value as string | undefined;
  const levels = results.get("ingest")?.["levels"] as { integrated_lufs?: number } | undefined;
  const loudness = levels?.integrated_lufs;
  const sections = analysis?.sections ?? [];
  const isOurs = corrections.has("tempo");
  const typeTempo = (text: string): void => {
    const typed = parseTempo(text);
    if (typed === null) showToast(`A tempo is ${MIN_TEMPO} to ${MAX_TEMPO} BPM.`);
    else saveTempo(typed);
  };
  return (
    <div className="facts">
      {bpm !== undefined && (
        <Fact
          label="Tempo"
          value={bpm.toFixed(1)}
          text={bpm.toFixed(1)}
          onSave={typeTempo}
          detail={isOurs || !tempo ? "" : shareText(tempo.confidence)}
          says={isOurs && tempo ? tempo.bpm.toFixed(1) : null}
          onTakeBack={() => takeBack(song, "tempo")}
          title={tempo && tempoTitle(tempo)}
        />
      )}
      {(key ?? ownKey) && (
        <Fact
          label="Key"
          value={keyName(ownKey ?? key?.best.key ?? "")}
          text={chordText(ownKey ?? key?.best.key ?? "")}
          onSave={(text) => saveKey(song, text)}
          detail={ownKey || !key ? "" : `${key.best.camelot} ${shareText(key.best.confidence)}`}
          says={ownKey && key ? keyName(key.best.key) : null}
          onTakeBack={() => takeBack(song, "key")}
          title={key && keyTitle(key)}
        />
      )}
      {loudness !== undefined && (
        <Fact wide label="Loudness" value={loudness.toFixed(1).replace("-", "−")} detail="LUFS" />
      )}
      {sections.length > 1 && (
        <Fact
          isLong
          label={`Form, ${sections.length} parts`}
          value={formText(sections)}
          detail=""
          title={formText(sections)}
        />
      )}
    </div>
  );
}

function Fact({
  label,
  value,
  text = "",
  onSave,
  detail,
  says = null,
  onTakeBack,
  title,
  wide = false,
  isLong = false,
}: {
  label: string;
  value: string;
  /** The value as it is typed. */
  text?: string;
  onSave?: (text: string) => void;
  detail: string;
  /** The machine's value, while the user's counts. */
  says?: string | null;
  onTakeBack?: () => void;
  title?: string | null | undefined;
  /** Not on phones. */
  wide?: boolean;
  /** Not on phones, and cut where the room ends. */
  isLong?: boolean;
}) {
  const name = isLong ? "fact long not-phone" : wide ? "fact not-phone" : "fact";
  return (
    <div className={name} title={title ?? undefined}>
      <span>{label}</span>
      {onSave ? (
        <Editable label={label} value={text} onSave={onSave}>
          <b>{value}</b>
        </Editable>
      ) : (
        <b>{value}</b>
      )}
      {detail && <span className="fact-detail">{detail}</span>}
      {says !== null && (
        <button type="button" className="link fact-detail not-phone" onClick={onTakeBack}>
          Cratedig says {says}
        </button>
      )}
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
