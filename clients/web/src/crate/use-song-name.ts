import { useStore } from "../data/store";
import { songNames } from "./song-names";

/** Return the name of a song, empty until it is known. */
export function useSongName(song: string | null): string {
  useStore(songNames.version);
  return song === null ? "" : songNames.get(song);
}
