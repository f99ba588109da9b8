/** The head of a stem's lane, and the buttons that mute and solo it. */
import { useTooltip } from "../keys/commands";
import type { TrackController } from "./controller";
import { LevelSlider } from "./level";
import { changeStem, solo, stemOf } from "./mix";
import { SpectrumButton } from "./spectrum-button";
import { shareText, stemLabel } from "./song";

export function StemHead({
  stem,
  index,
  track,
  clean,
  isOwn,
  isFocused,
  onFocus,
}: {
  stem: string;
  index: number;
  track: TrackController;
  /** How clean the stem is, as the separation estimates it. */
  clean: number | undefined;
  /** Whether the user gave it, as a part of a multitrack. */
  isOwn: boolean;
  isFocused: boolean;
  onFocus: () => void;
}) {
  return (
    <div
      className={isFocused ? "lane-head stem-head focused" : "lane-head stem-head"}
      onPointerDown={onFocus}
    >
      <div className="stem-name">
        <span className="swatch" />
        <span className="ellipsis" title={stemLabel(stem)}>
          {stemLabel(stem)}
        </span>
        <SpectrumButton name={stem} label={stemLabel(stem)} />
        <kbd className="not-phone">{index + 1}</kbd>
      </div>
      <div className="mute-solo">
        <MuteSolo stem={stem} track={track} />
        <span className="grow not-phone" />
        {isOwn && (
          <span className="t11 fg2 not-phone" title="You gave this stem; nothing was separated">
            your stem
          </span>
        )}
        {clean !== undefined && (
          <span className="t11 fg2 not-phone" title="Estimate of how clean the stem is">
            clean {shareText(clean)}
          </span>
        )}
        <LevelSlider stem={stem} track={track} className="phone-only" />
      </div>
    </div>
  );
}

export function MuteSolo({ stem, track }: { stem: string; track: TrackController }) {
  const { mix } = track;
  const { muted, solo: isSolo } = stemOf(mix, stem);
  const muteTip = useTooltip("track-mute");
  const soloTip = useTooltip("track-solo");
  return (
    <>
      <button
        type="button"
        className={muted ? "muted-on" : ""}
        aria-pressed={muted}
        aria-label={`Mute ${stemLabel(stem)}`}
        title={muteTip}
        onClick={() => track.changeMix(changeStem(mix, stem, { muted: !muted }))}
      >
        M
      </button>
      <button
        type="button"
        className={isSolo ? "solo-on" : ""}
        aria-pressed={isSolo}
        aria-label={`Solo ${stemLabel(stem)}`}
        title={soloTip}
        onClick={(event) => track.changeMix(solo(mix, stem, { add: event.shiftKey }))}
      >
        S
      </button>
    </>
  );
}
