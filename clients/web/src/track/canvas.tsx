/** A canvas that draws itself again when its size, the theme or what it shows changes. */
import { useEffect, useRef } from "react";
import { useStore } from "../data/store";
import { clearCanvas } from "../parts/waveform";
import { theme } from "../theme";

export type Draw = (context: CanvasRenderingContext2D, size: CanvasSize) => void;

export interface CanvasSize {
  /** In device pixels. */
  readonly width: number;
  readonly height: number;
  /** Device pixels in a CSS pixel. */
  readonly ratio: number;
}

/** @param draw must keep its identity as long as it draws the same. */
export function Canvas({ draw, className }: { draw: Draw; className?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colors = useStore(theme);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const paint = (): void => {
      const context = clearCanvas(element);
      const { width, height } = element;
      if (context) draw(context, { width, height, ratio: Math.max(1, window.devicePixelRatio) });
    };
    paint();
    const observer = new ResizeObserver(paint);
    observer.observe(element);
    return () => observer.disconnect();
  }, [draw, colors]);
  return <canvas ref={canvas} className={className} aria-hidden="true" />;
}
