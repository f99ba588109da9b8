/** A file that is only searched by: sent, described by the server, and not kept. */
import { navigate } from "../address";
import { api, data } from "../data/api";
import { ProblemError } from "../data/problem-error";
import { createStore } from "../data/store";
import { showToast } from "../data/toasts";
import { uploadPorts } from "./ports";
import { sendParts } from "./send";
import { sha256Of, UnreadableFileError } from "./sha256";

const MAX_BYTES = 32 * 1024 * 1024;
const WAIT_SECONDS = 8;
/** How often a sound is asked for that is not described yet, `WAIT_SECONDS` each time. */
const MAX_LOOKS = 4;

/** Name of the file that is being sent and described; empty if there is none. */
export const queryFile = createStore("");

const QUERY_SOUND = "query-sound-";

/** Return the name of a sound that this tab searched by; the id of an item has none. */
export const nameOfQuerySound = (id: string) => sessionStorage.getItem(QUERY_SOUND + id);

let running = new AbortController();

/** Search by a file and show what sounds like it; a later file takes the place of this one. */
export async function searchByFile(file: File): Promise<void> {
  if (file.size > MAX_BYTES) {
    showToast(`${file.name} is larger than 32 MB. Search by a part of at most 30 s.`);
    return;
  }
  running.abort();
  const { signal } = (running = new AbortController());
  queryFile.set(file.name);
  try {
    const like = await describe(file, signal);
    if (!signal.aborted) navigate(`/crate?like=${like}`);
  } catch (error) {
    if (!signal.aborted) showToast(problemText(file.name, error));
  } finally {
    if (!signal.aborted) queryFile.set("");
  }
}

/** Return the id to search by: of a query sound, or of an item with the same bytes. */
async function describe(file: File, signal: AbortSignal): Promise<string> {
  const sha256 = await sha256Of(file, () => undefined);
  const upload = await sendParts(
    { name: file.name, size: file.size, sha256, content: file },
    uploadPorts,
    {
      resume: null,
      onCreated: () => undefined,
      onSent: () => undefined,
      onInterrupted: () => undefined,
      signal,
    },
  );
  if (upload.item != null) return upload.item;
  let sound = await data(api.POST("/v1/query-sounds", { body: { upload: upload.id }, signal }));
  for (let look = 0; look < MAX_LOOKS && sound.state === "waiting"; look += 1) {
    sound = await data(
      api.GET("/v1/query-sounds/{sound}", {
        params: { path: { sound: sound.id }, query: { wait: WAIT_SECONDS } },
        signal,
      }),
    );
  }
  if (sound.state === "failed") throw new RefusedSoundError(sound.reason ?? "");
  if (sound.state === "waiting")
    throw new RefusedSoundError("The server is busy, or has no tagging worker. Try again.");
  sessionStorage.setItem(QUERY_SOUND + sound.id, sound.name);
  return sound.id;
}

class RefusedSoundError extends Error {}

function problemText(name: string, error: unknown): string {
  if (error instanceof UnreadableFileError) return `${name} cannot be read. Choose it again.`;
  if (error instanceof RefusedSoundError || error instanceof ProblemError)
    return `Cannot search by ${name}. ${error.message}`;
  return `Cannot search by ${name}. Try again.`;
}
