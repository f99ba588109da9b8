/** The transport: always there, and always shows the single player. */
import { useEffect, useRef, useState } from "react";
import { player, type Peaks, type Sound } from "../audio/player";
import { useStore } from "../data/store";
import { useKeys, useTooltip } from "../keys/commands";
import { formatClock, formatLength } from "../parts/format";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { keepToOneTab, togglePlayback } from "../parts/playback";
import { drawLine, drawWave, themeColor } from "../parts/waveform";
import { theme } from "../theme";
import { changeText } from "./fit-texts";
import { FitControl } from "./fit-control";

export function Transport() {
  const state = useStore(player.state);
  const neighbours = useStore(player.neighbours);
  const playTip = useTooltip("play");
  useKeys({ play: togglePlayback });
  useEffect(keepToOneTab, []);
  const { sound } = state;
  return (
    <footer className="transport" aria-label="Transport">
      <div className="transport-left">
        <button
          type="button"
          className="icon-btn not-phone"
          aria-label="Previous"
          disabled={!neighbours.previous}
          onClick={() => neighbours.previous?.()}
        >
          <Icon name="previous" />
        </button>
        <button
          type="button"
          className={state.blocked ? "play blocked" : "play"}
          aria-label={state.playing ? "Pause" : "Play"}
          title={playTip}
          disabled={!sound}
          onClick={togglePlayback}
        >
          <Icon name={state.playing ? "pause" : "play"} />
        </button>
        <button
          type="button"
          className="icon-btn not-phone"
          aria-label="Next"
          disabled={!neighbours.next}
          onClick={() => neighbours.next?.()}
        >
          <Icon name="next" />
        </button>
        <div className="now-playing">
          {sound?.href === undefined ? (
            <span className="bold">{sound?.title ?? "Nothing playing"}</span>
          ) : (
            <Link className="bold" href={sound.href}>
              {sound.title}
            </Link>
          )}
          <SecondLine />
        </div>
      </div>
      <Position />
      <div className="transport-right not-phone">
        <button
          type="button"
          className={state.loop ? "icon-btn on" : "icon-btn"}
          aria-label="Loop"
          aria-pressed={state.loop}
          onClick={() => player.setLoop(!state.loop)}
        >
          <Icon name="loop" />
        </button>
        <FitControl />
        <Icon name="volume" className="fg1" />
        <input
          className="slider"
          type="range"
          min="0"
          max="1"
          step="0.01"
          aria-label="Volume"
          value={state.volume}
          style={{ "--value": `${state.volume * 100}%` } as React.CSSProperties}
          onChange={(event) => player.setVolume(Number(event.target.value))}
          onDoubleClick={() => player.setVolume(0.72)}
        />
        <Meter />
      </div>
    </footer>
  );
}

function SecondLine() {
  const { sound, blocked, problem, change } = useStore(player.state);
  if (problem !== null) return <span className="t12 danger">{problem}</span>;
  if (blocked) return <span className="t12 accent">Press Space to start sound</span>;
  if (change) return <span className="t12 fg2">{changeText(change)}</span>;
  return <span className="t12 fg2">{sound ? sound.subtitle : "Space plays what is selected"}</span>;
}

/** Position, waveform and length; the position follows audio time, frame by frame. */
function Position() {
  const { sound, duration, playing } = useStore(player.state);
  const dark = useStore(theme);
  const [loaded, setLoaded] = useState<{ sound: Sound; peaks: Peaks | null } | null>(null);
  const peaks = loaded && loaded.sound === sound ? loaded.peaks : null;
  const canvas = useRef<HTMLCanvasElement>(null);
  const clock = useRef<HTMLSpanElement>(null);
  const line = useRef<HTMLSpanElement>(null);
  const slider = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!sound?.peaks) return;
    let current = true;
    sound.peaks().then(
      (answer) => {
        if (current) setLoaded({ sound, peaks: answer });
      },
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [sound]);
  useEffect(() => {
    const wave = themeColor("wave");
    const accent = themeColor("accent-fg");
    const hairline = themeColor("line2");
    let frame = 0;
    const draw = (): void => {
      const at = player.position();
      const played = duration > 0 ? Math.min(1, at / duration) : 0;
      if (canvas.current) {
        if (peaks) drawWave(canvas.current, peaks, { color: wave, playedColor: accent, played });
        else drawLine(canvas.current, hairline);
      }
      if (clock.current) clock.current.textContent = sound ? formatClock(at) : "";
      line.current?.style.setProperty("--progress", `${played * 100}%`);
      slider.current?.setAttribute("aria-valuenow", String(Math.round(at)));
      if (playing) frame = requestAnimationFrame(draw);
    };
    draw();
    const onResize = (): void => draw();
    const timer = playing ? 0 : window.setInterval(draw, 250);
    window.addEventListener("resize", onResize);
    return () => {
      cancelAnimationFrame(frame);
      clearInterval(timer);
      window.removeEventListener("resize", onResize);
    };
  }, [sound, peaks, playing, duration, dark]);
  const seek = (event: React.PointerEvent<HTMLDivElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    player.seek(((event.clientX - box.left) / box.width) * duration);
  };
  return (
    <>
      <div className="transport-middle not-phone">
        <span ref={clock} className="num" />
        <div
          ref={slider}
          className="scrubber"
          role="slider"
          aria-label="Position"
          aria-valuemin={0}
          aria-valuemax={Math.round(duration)}
          aria-valuenow={0}
          aria-disabled={!sound}
          tabIndex={sound ? 0 : -1}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            seek(event);
          }}
          onPointerMove={(event) => {
            if (event.currentTarget.hasPointerCapture(event.pointerId)) seek(event);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowLeft") player.seek(player.position() - 1);
            else if (event.key === "ArrowRight") player.seek(player.position() + 1);
            else return;
            event.preventDefault();
            event.stopPropagation();
          }}
        >
          <canvas ref={canvas} />
        </div>
        <span>{sound && duration > 0 ? formatLength(duration) : ""}</span>
      </div>
      <span ref={line} className="progress-line" aria-hidden="true" />
    </>
  );
}

function Meter() {
  const { playing } = useStore(player.state);
  const box = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = (): void => {
      player.levels().forEach((level, channel) => {
        const bar = box.current?.children[channel];
        if (bar instanceof HTMLElement) bar.style.setProperty("--level", `${level * 100}%`);
      });
      if (playing) frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [playing]);
  return (
    <span ref={box} className="meter wide-only" aria-hidden="true">
      <i />
      <i />
    </span>
  );
}
