/** The Crate before the first sound: it teaches what a drop does. */
import { useEffect, useRef } from "react";
import { useStore } from "../data/store";
import { runCommand, useTooltip } from "../keys/commands";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { clearCanvas, themeColor } from "../parts/waveform";
import { theme } from "../theme";
import "../styles/first-run.css";

export function FirstRun() {
  const tip = useTooltip("add");
  return (
    <main className="first-run">
      <div className="first-run-in">
        <h1>Drop a song</h1>
        <p className="lead">
          It comes back in pieces: stems, one-shots and loops cut on the beat, MIDI, tempo, key,
          chords and lyrics. All of it lands in this crate, ready to be searched by ear.
        </p>
        <div className="big-drop">
          <FadingWave />
          <div>
            <button
              type="button"
              className="btn primary large"
              title={tip}
              onClick={() => runCommand("add")}
            >
              <Icon name="plus" />
              Choose files
            </button>
            <span className="fg1">
              or drop files and folders anywhere in this window, or{" "}
              <button type="button" className="link" onClick={() => runCommand("import")}>
                import from a link
              </button>
            </span>
          </div>
        </div>
        <div className="first-run-hints">
          <section>
            <h2>A folder of samples?</h2>
            <p>
              One-shots and packs are tagged without being cut. Drop the whole folder, or the ZIP
              that the pack came in.
            </p>
          </section>
          <section>
            <h2>Many songs?</h2>
            <p>Drop them all. They are worked on one after another; you can close the page.</p>
          </section>
          <section>
            <h2>From the terminal</h2>
            <p>
              The same, scripted. A key is made in{" "}
              <Link className="link" href="/settings/keys">
                Settings
              </Link>
              .
            </p>
            <code className="mono t12 fg1">cratedig upload *.flac --run full</code>
          </section>
        </div>
      </div>
    </main>
  );
}

function drawFading(canvas: HTMLCanvasElement): void {
  const context = clearCanvas(canvas);
  if (!context) return;
  const { width, height } = canvas;
  context.fillStyle = themeColor("wave-dim");
  for (let x = 0; x < width; x += 1) {
    const share = x / width;
    const beat = share * 24;
    const level =
      0.12 +
      0.5 * Math.exp(-(beat % 1) * 4) +
      0.3 * Math.abs(Math.sin(beat * 1.7) * Math.sin(x * 0.9));
    context.globalAlpha = Math.max(0, Math.abs(share - 0.5) * 3.4 - 0.18);
    const peak = Math.min(1, level) * height * 0.4;
    context.fillRect(x, height / 2 - peak, 1, peak * 2);
  }
}

function FadingWave() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const now = useStore(theme);
  useEffect(() => {
    const redraw = (): void => {
      if (canvas.current) drawFading(canvas.current);
    };
    redraw();
    window.addEventListener("resize", redraw);
    return () => window.removeEventListener("resize", redraw);
  }, [now]);
  return <canvas ref={canvas} aria-hidden="true" />;
}
