import { useEffect, useRef } from "react";
import { useStore } from "../data/store";
import { drawLine, drawWave, themeColor } from "../parts/waveform";
import { theme } from "../theme";
import { peaksOf, type SharedItem } from "./data";

/** Exponent that makes quiet tails visible in small waveforms. */
const POWER = 0.68;

/** The small waveform of an item. */
export function Wave({ item }: { item: SharedItem }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shownTheme = useStore(theme);
  useEffect(() => {
    const drawn = canvas.current;
    if (!drawn) return;
    const draw = (): void => {
      const peaks = peaksOf(item);
      if (peaks) drawWave(drawn, peaks, { color: themeColor("wave"), power: POWER });
      else drawLine(drawn, themeColor("line2"));
    };
    draw();
    const sizes = new ResizeObserver(draw);
    sizes.observe(drawn);
    return () => sizes.disconnect();
  }, [item, shownTheme]);
  return <canvas ref={canvas} className="shared-wave" aria-hidden="true" />;
}
