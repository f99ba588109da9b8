/** Files can be dropped anywhere; a veil says what will happen. */
import { useEffect, useRef, useState } from "react";
import { createStore, useStore } from "../data/store";
import { useKeys } from "../keys/commands";
import { plural } from "../parts/format";
import { carriesFiles, droppedFiles } from "./dropped";
import { chosenPipeline } from "./processing";
import { searchByFile } from "./query-sound";
import { addFiles } from "./queue";

/** Whether files are dragged over the window. */
export const areFilesDragged = createStore(false);

export function DropZone() {
  const [count, setCount] = useState<number | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const pipeline = useStore(chosenPipeline);
  useKeys({ add: () => input.current?.click() });
  useEffect(() => {
    let depth = 0;
    const enter = (event: DragEvent): void => {
      if (!carriesFiles(event.dataTransfer)) return;
      event.preventDefault();
      depth += 1;
      areFilesDragged.set(true);
      setCount(event.dataTransfer?.items.length ?? 1);
    };
    const over = (event: DragEvent): void => {
      if (!carriesFiles(event.dataTransfer)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    };
    const leave = (event: DragEvent): void => {
      if (!carriesFiles(event.dataTransfer)) return;
      depth -= 1;
      if (depth > 0) return;
      setCount(null);
      areFilesDragged.set(false);
    };
    const drop = (event: DragEvent): void => {
      depth = 0;
      setCount(null);
      areFilesDragged.set(false);
      if (!carriesFiles(event.dataTransfer) || !event.dataTransfer) return;
      event.preventDefault();
      const isSearch =
        event.target instanceof Element && event.target.closest("[data-search-drop]");
      const files = droppedFiles(event.dataTransfer);
      if (!isSearch) void files.then(addFiles);
      else void files.then(([file]) => (file ? searchByFile(file) : undefined));
    };
    window.addEventListener("dragenter", enter);
    window.addEventListener("dragover", over);
    window.addEventListener("dragleave", leave);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragenter", enter);
      window.removeEventListener("dragover", over);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("drop", drop);
    };
  }, []);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Add files"
        onChange={(event) => {
          addFiles([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      {count !== null && (
        <div className="veil">
          <div>
            <h2 className="page-title">{`Add ${plural(count, "file or folder", "files and folders")}`}</h2>
            <p>
              {pipeline === ""
                ? "They are stored and can be played."
                : "Songs are taken apart, samples are tagged."}{" "}
              ZIP archives are imported as packs.
            </p>
          </div>
        </div>
      )}
    </>
  );
}
