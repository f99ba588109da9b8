import { expect, test } from "vitest";
import { previewParts } from "./preview-parts";

test("previews are grouped by stem, in the order of the song", () => {
  const names = ["vocals-000.flac", "drums-010.flac", "drums-002.flac", "odd name"];
  expect(previewParts("job", names)).toEqual([
    { job: "job", stem: "vocals", parts: ["vocals-000.flac"] },
    { job: "job", stem: "drums", parts: ["drums-002.flac", "drums-010.flac"] },
  ]);
});
