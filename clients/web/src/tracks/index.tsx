/** Tracks: songs as a plain table. */
import { useRef } from "react";
import { player } from "../audio/player";
import { problemText } from "../data/problems";
import { useStore } from "../data/store";
import { runCommand, useKeys } from "../keys/commands";
import { formatKey, formatLength, formatTempo, plural } from "../parts/format";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { togglePlayback } from "../parts/playback";
import "../styles/tracks.css";
import { songSound } from "./sound";
import { useSongs, type Song } from "./songs";

export function Tracks() {
  const { songs, loading, error } = useSongs();
  const body = useRef<HTMLDivElement>(null);
  const step = (by: number): void => {
    const links = [...(body.current?.querySelectorAll<HTMLElement>(".song-name") ?? [])];
    const at = links.findIndex((link) => link === document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
    links[Math.min(Math.max(next, 0), links.length - 1)]?.focus();
  };
  useKeys({
    "tracks-next": () => step(1),
    "tracks-previous": () => step(-1),
    // Space plays the song that has the focus; it pauses and goes on with the one that is loaded.
    play: () => {
      const id = document.activeElement?.getAttribute("data-song");
      const song = songs.find(({ item }) => item.id === id && item.state === "ready");
      if (song && player.state.get().sound?.key !== id) play(song, songs);
      else togglePlayback();
    },
  });
  return (
    <main className="songs">
      <div className="songs-bar">
        <h1 className="page-title">Tracks</h1>
        <span className="fg2">{loading ? "" : plural(songs.length, "song")}</span>
      </div>
      {error !== null && (
        <p className="danger songs-text" role="alert">
          {problemText(error)}
        </p>
      )}
      {!loading && songs.length === 0 && error === null && (
        <p className="fg1 songs-text">
          No songs yet. Drop one anywhere, or{" "}
          <button type="button" className="link" onClick={() => runCommand("add")}>
            choose files
          </button>
          .
        </p>
      )}
      {songs.length > 0 && (
        <div ref={body} role="table" aria-label="Songs" className="songs-table">
          <div role="row" className="song song-head">
            <span role="columnheader">
              <span className="sr-only">Play</span>
            </span>
            <span role="columnheader">Name</span>
            <span role="columnheader" className="num">
              Length
            </span>
            <span role="columnheader" className="num">
              BPM
            </span>
            <span role="columnheader">Key</span>
            <span role="columnheader">State</span>
          </div>
          {songs.map((song) => (
            <SongRow key={song.item.id} song={song} songs={songs} />
          ))}
        </div>
      )}
    </main>
  );
}

/** Play a song, and let the transport's buttons reach its neighbours in the table. */
function play(song: Song, songs: readonly Song[]): void {
  const at = songs.indexOf(song);
  const before = songs[at - 1];
  const after = songs[at + 1];
  player.neighbours.set({
    ...(before ? { previous: () => play(before, songs) } : {}),
    ...(after ? { next: () => play(after, songs) } : {}),
  });
  void player.load(songSound(song.item));
}

function SongRow({ song, songs }: { song: Song; songs: readonly Song[] }) {
  const { item } = song;
  const { sound, playing } = useStore(player.state);
  const current = sound?.key === item.id;
  const sounding = current && playing;
  return (
    <div role="row" className={current ? "song current" : "song"}>
      <span role="cell">
        <button
          type="button"
          className="icon-btn small"
          disabled={item.state !== "ready"}
          aria-label={`${sounding ? "Pause" : "Play"} ${item.name}`}
          onClick={() => (current ? togglePlayback() : play(song, songs))}
        >
          <Icon name={sounding ? "pause" : "play"} />
        </button>
      </span>
      <span role="cell" className="ellipsis">
        <Link className="song-name" data-song={item.id} href={`/tracks/${item.id}`}>
          {item.name}
        </Link>
      </span>
      <span role="cell" className="num">
        {item.audio ? formatLength(item.audio.duration) : ""}
      </span>
      <span role="cell" className="num">
        {song.bpm === null ? "" : formatTempo(song.bpm)}
      </span>
      <span role="cell">{song.key === null ? "" : formatKey(song.key)}</span>
      <span
        role="cell"
        className={song.failed ? "danger ellipsis" : "fg2 ellipsis"}
        title={song.state}
      >
        {song.state}
      </span>
    </div>
  );
}
