/** What the machine read of a song, the other readings, and what the user says instead. */
import { useTooltip } from "../keys/commands";
import { chordText } from "./corrected";
import type { SongData } from "./data";
import { saveKey, takeBack } from "./edits";
import { keyName, shareText } from "./song";

function Candidate({
  name,
  share,
  isBest,
  onChoose,
}: {
  name: string;
  share: number;
  isBest: boolean;
  onChoose: () => void;
}) {
  return (
    <button
      type="button"
      className={isBest ? "candidate best" : "candidate"}
      aria-pressed={isBest}
      onClick={onChoose}
    >
      <span>{name}</span>
      <i style={{ "--share": `${share * 100}%` } as React.CSSProperties} />
      <span className="num">{shareText(share)}</span>
    </button>
  );
}

/** A value that a person set; the machine's is one click away. */
function Yours({
  name,
  says,
  onTakeBack,
}: {
  name: string;
  says: string | null;
  onTakeBack: () => void;
}) {
  return (
    <div className="candidate best yours">
      <span>{name}</span>
      {says !== null && (
        <button type="button" className="link yours-note" onClick={onTakeBack}>
          Cratedig says {says}
        </button>
      )}
    </div>
  );
}

/** Readings of the tempo that are shown. */
const READINGS = 3;

export function TempoReadings({
  song,
  onTap,
  saveTempo,
}: {
  song: SongData;
  onTap: () => void;
  saveTempo: (bpm: number | null) => void;
}) {
  const tapTip = useTooltip("track-tap");
  const tempo = song.measured?.tempo;
  const bpm = song.item.bpm ?? tempo?.bpm;
  if (bpm === undefined) return null;
  const isOurs = song.corrections.has("tempo");
  return (
    <section>
      <h3>
        Tempo <span>BPM</span>
      </h3>
      {isOurs && (
        <Yours
          name={bpm.toFixed(1)}
          says={tempo ? tempo.bpm.toFixed(1) : null}
          onTakeBack={() => takeBack(song, "tempo")}
        />
      )}
      {tempo?.candidates.slice(0, READINGS).map((candidate, index) => (
        <Candidate
          key={candidate.bpm}
          name={candidate.bpm.toFixed(1)}
          share={candidate.weight}
          isBest={!isOurs && index === 0}
          onChoose={() => saveTempo(candidate.bpm)}
        />
      ))}
      <div className="tempo-buttons">
        <button type="button" className="btn small" onClick={() => saveTempo(bpm * 2)}>
          ×2
        </button>
        <button type="button" className="btn small" onClick={() => saveTempo(bpm / 2)}>
          ÷2
        </button>
        <button type="button" className="btn small" title={tapTip} onClick={onTap}>
          Tap
        </button>
      </div>
      <Older song={song} field="tempo" />
    </section>
  );
}

export function KeyReadings({ song }: { song: SongData }) {
  const key = song.measured?.key;
  const own = song.corrections.get("key")?.value as string | undefined;
  if (!key && own === undefined) return null;
  return (
    <section>
      <h3>
        Key <span>runner-up shown</span>
      </h3>
      {own !== undefined && (
        <Yours
          name={keyName(own)}
          says={key ? keyName(key.best.key) : null}
          onTakeBack={() => takeBack(song, "key")}
        />
      )}
      {key &&
        [key.best, key.second].map((reading, index) => (
          <Candidate
            key={reading.key}
            name={`${keyName(reading.key)}, ${reading.camelot}`}
            share={reading.confidence}
            isBest={own === undefined && index === 0}
            onChoose={() => saveKey(song, chordText(reading.key))}
          />
        ))}
    </section>
  );
}

const RESULTS: Readonly<Record<string, string>> = {
  slicing: "Cuts",
  midi: "MIDI",
  export: "The last export",
};

/** Names the results that were computed from the value before. */
function Older({ song, field }: { song: SongData; field: "tempo" }) {
  const older = song.corrections.get(field)?.older_results ?? [];
  const names = older.map(({ task }) => RESULTS[task] ?? task);
  if (names.length === 0) return null;
  const text = names.join(", ").replace(/, (?=[^,]*$)/, " and ");
  return <p className="t12 fg2 older">{text} use the tempo before.</p>;
}

export function LyricsFacts({ song, onEdit }: { song: SongData; onEdit: () => void }) {
  const tip = useTooltip("track-lyrics");
  const words = song.lyrics?.lines.reduce((sum, line) => sum + line.words.length, 0) ?? 0;
  return (
    <section>
      <h3>
        Lyrics <span>{words > 0 ? `${words} words` : "none"}</span>
      </h3>
      <button type="button" className="btn small" title={tip} onClick={onEdit}>
        {words > 0 ? "Edit the words" : "Write the words"}
      </button>
    </section>
  );
}
