/** The detail pane: what can be heard already, and each stage with its time and cause. */
import { useQuery } from "@tanstack/react-query";
import { setQuery } from "../address";
import { player } from "../audio/player";
import { api, data, type Schemas } from "../data/api";
import { formatClock, plural } from "../parts/format";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { retryRun, stopRun } from "./actions";
import { previewParts } from "./preview-parts";
import { playPreview, previewLength } from "./previews";
import { STAGES, type Cell } from "./stages";
import type { WorkRow } from "./rows";
import { itemQuery } from "./work";

type Artifact = Schemas["Artifact"];

const STEM_ORDER = ["drums", "bass", "other", "vocals", "guitar", "piano", "accompaniment"];

/** @param opened whether the row was chosen: narrow windows show the pane over the matrix then. */
export function Detail({ row, opened }: { row: WorkRow; opened: boolean }) {
  const { run } = row;
  return (
    <aside className={opened ? "detail opened" : "detail"} aria-label="Details">
      <section>
        <button
          type="button"
          className="icon-btn detail-close"
          aria-label="Close details"
          onClick={() => setQuery({ at: null }, { replace: true })}
        >
          <Icon name="close" />
        </button>
        <h2>{row.name}</h2>
        <p className="t12 fg2" style={{ marginTop: 2 }}>
          {run
            ? `${run.pipeline.title || run.pipeline.name}, since ${clock(run.created)}.`
            : row.detail}
        </p>
        {run?.state === "running" && (
          <i
            className="bar"
            style={
              {
                "--progress": `${Math.round((run.progress.fraction ?? 0) * 100)}%`,
                marginTop: 8,
              } as React.CSSProperties
            }
          />
        )}
      </section>
      <Listen row={row} />
      {run && (
        <section>
          <h3>Stages</h3>
          <ol>
            {row.cells.map((cell, index) => (
              <StageLine key={STAGES[index]?.task} row={row} cell={cell} index={index} />
            ))}
          </ol>
        </section>
      )}
      <section className="row" style={{ gap: 6 }}>
        {row.item !== null && row.state !== "failed" && (
          <Link className="btn" href={`/tracks/${row.item}`}>
            Open track
          </Link>
        )}
        {run?.state === "running" && (
          <button type="button" className="btn quiet" onClick={() => void stopRun(run)}>
            Stop
          </button>
        )}
        {run && (run.state === "partial" || run.state === "failed") && (
          <button type="button" className="btn" onClick={() => void retryRun(run)}>
            Retry what failed
          </button>
        )}
      </section>
    </aside>
  );
}

function clock(time: string): string {
  return new Date(time).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
}

function Listen({ row }: { row: WorkRow }) {
  const item = row.item ?? "";
  const running = row.jobs.find((job) => job.task === "separation" && job.state === "running");
  const finished = row.jobs.some((job) => job.task === "separation" && job.state === "succeeded");
  const facts = useQuery({ ...itemQuery(item), enabled: item !== "" });
  const stems = useQuery({
    queryKey: ["item", item, "stems"],
    enabled: item !== "" && finished,
    queryFn: async () => {
      const query = { limit: 200 };
      const page = await data(
        api.GET("/v1/items/{item}/artifacts", { params: { path: { item }, query } }),
      );
      return page.items
        .filter((artifact) => artifact.kind === "stem" && artifact.stem !== "mix")
        .sort((a, b) => order(a) - order(b));
    },
  });
  if (finished) {
    if (!stems.data || stems.data.length === 0) return null;
    return (
      <section>
        <h3>
          Listen <span>{plural(stems.data.length, "stem")}</span>
        </h3>
        {stems.data.map((artifact) => (
          <div key={artifact.id} className="preview">
            <button
              type="button"
              className="icon-btn small"
              aria-label={`Play ${stemName(artifact)}`}
              onClick={() => playStem(artifact, row.name)}
            >
              <Icon name="play" />
            </button>
            <span>{stemName(artifact)}</span>
            <i className="stem-bar" style={stemBar(artifact.stem ?? "other", 1)} />
            <span className="num">
              {facts.data?.audio ? formatClock(facts.data.audio.duration) : ""}
            </span>
          </div>
        ))}
      </section>
    );
  }
  const previews = running ? previewParts(running.id, running.progress.previews ?? []) : [];
  if (!running || previews.length === 0) return null;
  const fraction = running.progress.fraction ?? 0;
  const duration = facts.data?.audio?.duration ?? 0;
  return (
    <section>
      <h3>
        Listen already{" "}
        <span>
          {formatClock(fraction * duration)} of {formatClock(duration)} done
        </span>
      </h3>
      {previews.map((preview) => (
        <div key={preview.stem} className="preview">
          <button
            type="button"
            className="icon-btn small"
            aria-label={`Play ${preview.stem}`}
            onClick={() => playPreview(preview, row.name)}
          >
            <Icon name="play" />
          </button>
          <span>{capital(preview.stem)}</span>
          <i className="stem-bar" style={stemBar(preview.stem, fraction)} />
          <span className="num">{previewLength(preview, fraction, duration)}</span>
        </div>
      ))}
      <p className="t12 fg2" style={{ marginTop: 6 }}>
        Previews. The full stems replace them when the stage ends.
      </p>
    </section>
  );
}

function stemBar(stem: string, fraction: number): React.CSSProperties {
  const color = stem === "accompaniment" ? "other" : stem;
  return {
    "--stem": `var(--${color}, var(--wave))`,
    "--progress": `${Math.round(fraction * 100)}%`,
  } as React.CSSProperties;
}

function order(artifact: Artifact): number {
  const index = STEM_ORDER.indexOf(artifact.stem ?? "");
  return index < 0 ? STEM_ORDER.length : index;
}

function stemName(artifact: Artifact): string {
  return capital(artifact.stem ?? artifact.name);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function playStem(artifact: Artifact, song: string): void {
  player.neighbours.set({});
  void player.load({
    key: artifact.id,
    title: stemName(artifact),
    subtitle: song,
    address: async () => {
      const path = { artifact: artifact.id };
      return (await data(api.GET("/v1/artifacts/{artifact}/download", { params: { path } }))).url;
    },
  });
}

function StageLine({ row, cell, index }: { row: WorkRow; cell: Cell; index: number }) {
  const stage = STAGES[index];
  if (!stage || cell.kind === "none") return null;
  const jobs = row.jobs.filter((job) => job.task === stage.task);
  const device = jobs.find((job) => job.producer)?.producer;
  const message = jobs.find((job) => job.state === "running")?.progress.message ?? "";
  const finding = cell.kind === "done" ? cell.text : "";
  const detail = [finding, device?.weights || device?.engine, message]
    .filter((part) => part)
    .join(". ");
  return (
    <li className="stage-line">
      <StageSign cell={cell} />
      <div>
        <span>{stage.label}</span>
        {detail !== "" && <p>{detail}</p>}
        {cell.kind === "failed" && <p className="danger">{cell.jobs[0]?.reason?.message}</p>}
      </div>
      <span className="t12 fg2">{stageTime(cell, jobs)}</span>
    </li>
  );
}

function StageSign({ cell }: { cell: Cell }) {
  if (cell.kind === "runs")
    return (
      <span
        className="ring"
        style={{ "--progress": `${Math.round(cell.fraction * 100)}%` } as React.CSSProperties}
      />
    );
  if (cell.kind === "done") return <Icon name="check" />;
  if (cell.kind === "failed") return <Icon name="warn" className="danger" />;
  if (cell.kind === "stopped") return <Icon name="dash" className="fg2" />;
  return <Icon name="clock" className="fg2" />;
}

function stageTime(cell: Cell, jobs: readonly Schemas["Job"][]): string {
  if (cell.kind === "runs") return `${Math.round(cell.fraction * 100)} %`;
  if (cell.kind !== "done") return cell.kind === "failed" ? "" : "text" in cell ? cell.text : "";
  const starts = jobs.flatMap((job) => (job.started ? [Date.parse(job.started)] : []));
  const ends = jobs.flatMap((job) => (job.finished ? [Date.parse(job.finished)] : []));
  if (starts.length === 0 || ends.length === 0) return "";
  return formatClock((Math.max(...ends) - Math.min(...starts)) / 1000);
}
