import { player } from "../audio/player";
import { problemText } from "../data/problems";
import { useStore } from "../data/store";
import { showToast } from "../data/toasts";
import { baseName, formatLength, formatTempo } from "../parts/format";
import { Icon } from "../parts/icon";
import { togglePlayback } from "../parts/playback";
import { saveItem, type SharedItem } from "./data";
import { Wave } from "./wave";

/** An item of a shared collection. */
export function SharedRow({
  secret,
  item,
  canSave,
  onPlay,
}: {
  secret: string;
  item: SharedItem;
  canSave: boolean;
  onPlay: () => void;
}) {
  const { sound, playing } = useStore(player.state);
  const isCurrent = sound?.key === item.id;
  const isSounding = isCurrent && playing;
  const name = baseName(item.name);
  const isReady = item.audio != null;
  const save = async (): Promise<void> => {
    try {
      await saveItem(secret, item);
    } catch (error) {
      showToast(`${name} was not saved. ${problemText(error)}`);
    }
  };
  return (
    <li className={isCurrent ? "shared-row current" : "shared-row"}>
      <button
        type="button"
        className="icon-btn small"
        disabled={!isReady}
        aria-label={`${isSounding ? "Pause" : "Play"} ${name}`}
        onClick={isCurrent ? togglePlayback : onPlay}
      >
        <Icon name={isSounding ? "pause" : "play"} />
      </button>
      <span className="ellipsis shared-name">{name}</span>
      <Wave item={item} />
      <span className="num">{item.audio ? formatLength(item.audio.duration) : "Not ready"}</span>
      <span className="num shared-bpm">
        {item.bpm == null ? "" : `${formatTempo(item.bpm)} BPM`}
      </span>
      {canSave && (
        <button
          type="button"
          className="icon-btn small"
          disabled={!isReady}
          aria-label={`Download ${name}`}
          onClick={() => void save()}
        >
          <Icon name="download" />
        </button>
      )}
    </li>
  );
}
