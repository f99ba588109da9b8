/** The picture beside the form: one waveform that parts into four stems. */
import { useEffect, useRef } from "react";
import { useStore } from "../data/store";
import { clearCanvas, themeColor } from "../parts/waveform";
import { theme } from "../theme";

const STEMS = ["drums", "bass", "other", "vocals"] as const;
const LABELS = ["Drums", "Bass", "Other", "Vocals"] as const;

/** Share of the width at which the mix begins to part, and at which it has parted. */
const SPLIT_FROM = 0.3;
const SPLIT_TO = 0.56;

/** Envelope of a stem at a beat, 0…1: plausible rhythm, the same at each load. */
function envelope(stem: number, beat: number): number {
  const phase = beat % 1;
  const wobble = 0.5 + 0.5 * Math.sin(beat * 12.9898 + stem * 78.233);
  if (stem === 0) {
    const quarter = Math.floor(beat * 4);
    const accent = [1, 0.3, 0.85, 0.35, 0.55, 0.2, 0.9, 0.6][quarter % 8] ?? 0.3;
    return Math.exp(-((phase * 4) % 1) * 3) * accent * (0.8 + 0.2 * wobble);
  }
  if (stem === 1) {
    const note = (beat % 1.5) / 1.5;
    return (
      Math.min(1, note * 16) * Math.min(1, (1 - note) * 6) * (0.5 + 0.2 * Math.sin(beat * 2.1))
    );
  }
  if (stem === 2) return 0.3 + 0.4 * Math.exp(-(beat % 4) * 0.7) + 0.1 * wobble;
  const syllable = Math.sin(Math.PI * ((beat * 1.15) % 1)) ** 0.55;
  const phrase = (beat + 6) % 12 < 9.5 ? 0.35 + 0.6 * Math.abs(Math.sin(beat * 0.63)) : 0.02;
  return phrase * syllable;
}

function draw(canvas: HTMLCanvasElement): void {
  const context = clearCanvas(canvas);
  if (!context) return;
  const { width, height } = canvas;
  const ratio = width / canvas.clientWidth;
  const colors = STEMS.map(themeColor);
  const grey = themeColor("wave");
  const column = (x: number, y: number, peak: number, color: string, alpha: number): void => {
    context.fillStyle = color;
    context.globalAlpha = alpha * 0.5;
    context.fillRect(x, y - peak, 1, peak * 2);
    context.globalAlpha = alpha;
    context.fillRect(x, y - peak * 0.5, 1, peak);
  };
  for (let x = 0; x < width; x += 1) {
    const share = x / width;
    const grain = 0.75 + 0.25 * Math.abs(Math.sin(x * 91.7) * Math.cos(x * 37.3));
    const levels = STEMS.map((_, stem) => envelope(stem, share * 32) * grain);
    const parted = Math.min(1, Math.max(0, (share - SPLIT_FROM) / (SPLIT_TO - SPLIT_FROM)));
    const spread = parted * parted * (3 - 2 * parted);
    const mixed = Math.min(1, Math.max(0, 1 - (share - SPLIT_FROM) / 0.1));
    if (mixed > 0) {
      const sum = Math.min(
        1,
        levels.reduce((total, level) => total + level * 0.4, 0.04),
      );
      column(x, height / 2, sum * height * 0.13 * (0.45 + 0.55 * mixed), grey, mixed);
    }
    if (parted === 0) continue;
    levels.forEach((level, stem) => {
      const y = height / 2 + (stem - 1.5) * height * 0.175 * spread;
      const peak = Math.max(0.5 * ratio, level * height * 0.08 * (0.4 + 0.6 * spread));
      column(x, y, peak, colors[stem] ?? grey, Math.min(1, parted * 2.2));
    });
  }
  context.globalAlpha = 1;
  context.fillStyle = themeColor("fg1");
  context.font = `${12 * ratio}px ${getComputedStyle(canvas).fontFamily}`;
  LABELS.forEach((label, stem) => {
    const y = height / 2 + (stem - 1.5) * height * 0.175 - height * 0.068;
    context.fillText(label, SPLIT_TO * width + 14 * ratio, y);
  });
}

export function SplitArt() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const now = useStore(theme);
  useEffect(() => {
    const redraw = (): void => {
      if (canvas.current) draw(canvas.current);
    };
    redraw();
    window.addEventListener("resize", redraw);
    return () => window.removeEventListener("resize", redraw);
  }, [now]);
  return (
    <div className="sign-in-art" aria-hidden="true">
      <canvas ref={canvas} />
    </div>
  );
}
