/** The folder for a DAW that `cratedig sync` keeps up to date: the command, and what it does. */
import { copyText } from "../parts/copy-text";
import "../styles/settings.css";
import { syncCommand } from "./sync-command";

const REFUSED = "The browser does not let this page copy. Select the command and copy it.";

export function SyncedFolder({ collection }: { collection?: { id: string; name: string } }) {
  const command = syncCommand(collection);
  return (
    <div className="synced-folder">
      <p className="settings-lead">
        The browser of any DAW can watch a folder. This command, in a terminal of that computer,
        fills one with {collection ? "this collection" : "your collections"} and follows every
        change until you stop it.
      </p>
      <p className="secret mono">{command}</p>
      <button
        type="button"
        className="btn"
        onClick={() => void copyText(command, { refused: REFUSED })}
      >
        Copy command
      </button>
      <dl className="facts">
        <dt>It writes</dt>
        <dd>
          A folder for each collection, nested as they are. A sound is its original file, or its
          decoded audio if it was cut from a song.
        </dd>
        <dt>It follows</dt>
        <dd>
          Sounds that you add, rename or take out, and collections that you rename or move. Started
          again, it goes on from there.
        </dd>
        <dt>It never</dt>
        <dd>
          Replaces or deletes a file that you put there or changed, uploads anything, or changes
          your library.
        </dd>
        <dt>Only once</dt>
        <dd>
          With <code>--once</code> it writes what is there now and ends.
        </dd>
        <dt>It needs</dt>
        <dd>
          The command <code>cratedig</code>, signed in by <code>cratedig login</code> or with an API
          key.
        </dd>
      </dl>
    </div>
  );
}
