/** The panel that takes files, and the pipeline that new songs go through. */
import { useQuery } from "@tanstack/react-query";
import { api, data } from "../data/api";
import { useStore } from "../data/store";
import { runCommand, useTooltip } from "../keys/commands";
import { Icon } from "../parts/icon";
import { chosenPipeline, choosePipeline } from "./processing";

/** Pipelines that fit only items declared as a stem; a dropped song is none. */
const NEEDS_STEM = new Set(["drums"]);

export function AddPanel() {
  const tip = useTooltip("import");
  return (
    <div className="drop-panel">
      <Icon name="up" />
      <div className="grow">
        <span style={{ color: "var(--fg0)" }}>Drop songs, samples or folders anywhere</span>
        <div className="t12 fg2 not-phone">
          WAV, FLAC, MP3, OGG, Opus, M4A, AIFF, and the sound of video, up to 4 hours each. Packs as
          ZIP.
        </div>
      </div>
      <button type="button" className="btn" onClick={() => runCommand("add")}>
        Choose files
      </button>
      <button type="button" className="btn" title={tip} onClick={() => runCommand("import")}>
        From a link
      </button>
      <PipelineChoice />
    </div>
  );
}

function PipelineChoice() {
  const chosen = useStore(chosenPipeline);
  const pipelines = useQuery({
    queryKey: ["pipelines"],
    queryFn: () => data(api.GET("/v1/pipelines", { params: { query: { limit: 100 } } })),
  });
  const specs = (pipelines.data?.items ?? [])
    .map((pipeline) => pipeline.spec)
    .filter((spec) => !NEEDS_STEM.has(spec.name));
  return (
    <label className="row not-phone" style={{ gap: 6 }}>
      <span className="t12">Songs get</span>
      <select
        className="select"
        value={chosen}
        onChange={(event) => choosePipeline(event.target.value)}
      >
        {specs.length === 0 && <option value={chosen}>{chosen}</option>}
        {specs.map((spec) => (
          <option key={spec.name} value={spec.name}>
            {spec.title || spec.name}
          </option>
        ))}
        <option value="">Nothing</option>
      </select>
    </label>
  );
}
