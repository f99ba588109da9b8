/** The lane of a stem: its waveform or its spectrogram. */
import { useCallback, useEffect, useState } from "react";
import { useStore } from "../data/store";
import { themeColor } from "../parts/waveform";
import { theme } from "../theme";
import { Canvas, type Draw } from "./canvas";
import type { TrackController } from "./controller";
import { addressOf, useWaveform } from "./data";
import { drawGrid, drawWaveform } from "./draw";
import { useSeekOnClick } from "./pointer";
import type { Artifact } from "./song";
import { useIsSpectrum } from "./spectrum-button";
import { SpectrumTiles } from "./spectrum-tiles";

/** Name of the lane of a song that has no stems. */
export const WHOLE = "original";

interface LaneProps {
  readonly name: string;
  readonly peaks: Artifact | null;
  readonly audio: Artifact | null;
  /** Name of a colour of the theme. */
  readonly color: string;
  readonly track: TrackController;
}

export function WaveLane(props: LaneProps) {
  const isSpectrum = useIsSpectrum(props.name);
  const { audio, color, track } = props;
  if (isSpectrum && audio) return <SpectrumLane key={audio.id} {...{ audio, color, track }} />;
  return <Wave {...props} />;
}

function Wave({ peaks, color, track }: LaneProps) {
  const { waveform, loaded } = useWaveform(peaks);
  const { view, grid } = track;
  const seek = useSeekOnClick(track);
  useStore(theme);
  const draw = useCallback<Draw>(
    (context, size) => {
      if (waveform) drawWaveform(context, size, waveform, view, { color: themeColor(color) });
      else {
        context.fillStyle = themeColor("line2");
        context.fillRect(0, Math.floor(size.height / 2), size.width, size.ratio);
      }
      drawGrid(context, size, grid, view);
    },
    // A waveform grows in place.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [waveform, loaded, view, grid, color],
  );
  return (
    <div className="lane wave-lane" {...seek}>
      <Canvas draw={draw} />
      {!peaks && (
        <span className="lane-note">No waveform: separate the song again to draw it.</span>
      )}
    </div>
  );
}

interface Shown {
  readonly tiles: SpectrumTiles | null;
  /** Times that something new could be drawn. */
  readonly changes: number;
}

function SpectrumLane({
  audio,
  color,
  track,
}: Pick<LaneProps, "color" | "track"> & { audio: Artifact }) {
  const [{ tiles, changes }, setShown] = useState<Shown>({ tiles: null, changes: 0 });
  const { view } = track;
  const seek = useSeekOnClick(track);
  const { id, size } = audio;
  useEffect(() => {
    const opened = new SpectrumTiles(
      () => addressOf(id),
      size,
      () => setShown((before) => ({ tiles: opened, changes: before.changes + 1 })),
    );
    return () => opened.close();
  }, [id, size]);
  const draw = useCallback<Draw>(
    (context, canvas) => {
      const [silence, middle, loud] = [themeColor("bg0"), themeColor(color), themeColor("fg0")];
      tiles?.draw(context, canvas, view, { silence, middle, loud });
    },
    // Tiles come one by one.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [tiles, changes, view, color],
  );
  return (
    <div className="lane wave-lane spectrum-lane" data-changes={changes} {...seek}>
      <Canvas draw={draw} />
      {tiles?.hasFailed && (
        <span className="lane-note">No spectrogram: the file could not be read.</span>
      )}
    </div>
  );
}
