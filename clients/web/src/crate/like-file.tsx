/** Chooses a file to search by, for whoever does not drag one onto the search box. */

import { useRef } from "react";
import { useKeys } from "../keys/commands";
import { searchByFile } from "../uploads/query-sound";

export function LikeFile() {
  const input = useRef<HTMLInputElement>(null);
  useKeys({ "crate-like-file": () => input.current?.click() });
  return (
    <input
      ref={input}
      type="file"
      hidden
      aria-label="A file to search by"
      onChange={(event) => {
        const file = event.target.files?.[0];
        event.target.value = "";
        if (file) void searchByFile(file);
      }}
    />
  );
}
