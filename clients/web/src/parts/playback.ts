/** Playing from the keyboard, and one sound in all tabs. */
import { player } from "../audio/player";

/** Play or pause what the transport shows. */
export function togglePlayback(): void {
  if (player.state.get().playing) player.pause();
  else void player.play();
}

/** Pause this tab when another one begins to play; return a function that stops it. */
export function keepToOneTab(): () => void {
  const channel = new BroadcastChannel("cratedig.playback");
  let playing = false;
  const unsubscribe = player.state.subscribe(() => {
    const now = player.state.get().playing;
    if (now && !playing) channel.postMessage("playing");
    playing = now;
  });
  channel.addEventListener("message", () => player.pause());
  return () => {
    unsubscribe();
    channel.close();
  };
}
