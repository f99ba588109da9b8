import { useEffect, useRef } from "react";
import { useStore } from "../data/store";
import { theme } from "../theme";
import { waveforms } from "./client";
import { drawLine, drawMini, readPalette, sizeCanvas } from "./drawing";

/** The mini-waveform of a sound beside the list. */
export function SmallWave({ item }: { item: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shownTheme = useStore(theme);
  useEffect(() => {
    const draw = (): void => {
      const drawn = canvas.current;
      if (!drawn || drawn.clientWidth === 0) return;
      sizeCanvas(drawn, drawn.clientWidth, drawn.clientHeight);
      const palette = readPalette();
      const waveform = waveforms.get(item);
      if (waveform) drawMini(drawn, waveform, { palette, colour: palette.wave, played: 0 });
      else drawLine(drawn, palette.line);
    };
    draw();
    waveforms.keep(item);
    const sizes = new ResizeObserver(draw);
    if (canvas.current) sizes.observe(canvas.current);
    const stop = waveforms.subscribe(draw);
    return () => {
      sizes.disconnect();
      stop();
    };
  }, [item, shownTheme]);
  return <canvas ref={canvas} aria-hidden="true" />;
}
