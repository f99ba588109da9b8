/** What is true at the playhead, for parts of the page that change with it. */
import { useEffect, useState } from "react";
import { player } from "../audio/player";

/** Call a function in each frame while a component is mounted. */
export function useFrames(onFrame: () => void): void {
  useEffect(() => {
    let frame = requestAnimationFrame(function run() {
      onFrame();
      frame = requestAnimationFrame(run);
    });
    return () => cancelAnimationFrame(frame);
  }, [onFrame]);
}

/** Seconds of a track at which the playhead stands; `null` if another sound is in the player. */
export function playhead(item: string): number | null {
  return player.state.get().sound?.key === item ? player.position() : null;
}

/**
 * Return what `read` says of the playhead; the component is drawn again only when that changes.
 * `read` must keep its identity.
 */
export function useAtPlayhead<T>(item: string, read: (seconds: number | null) => T): T {
  const [value, setValue] = useState(() => read(playhead(item)));
  useEffect(() => {
    let frame = requestAnimationFrame(function run() {
      setValue(read(playhead(item)));
      frame = requestAnimationFrame(run);
    });
    return () => cancelAnimationFrame(frame);
  }, [item, read]);
  return value;
}
