/** Pick the file of an interrupted upload again. */
import { useRef } from "react";
import { resumableEntry, type UploadEntry } from "../uploads/entries";
import { addFiles } from "../uploads/queue";
import { showToast } from "../data/toasts";

export function AddAgain({ entry }: { entry: UploadEntry }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          event.target.value = "";
          if (!file) return;
          if (resumableEntry([entry], file)) addFiles([file]);
          else showToast(`“${file.name}” is another file than “${entry.name}”.`);
        }}
      />
      <button type="button" className="btn small" onClick={() => input.current?.click()}>
        Choose {entry.name}
      </button>
    </>
  );
}
