/** The files of an item, each saved as it is stored, and short sounds as WAV. */
import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "../data/api";
import { problemText } from "../data/problems";
import { formatBytes } from "../parts/format";
import { Icon } from "../parts/icon";
import { fileGroups } from "./files";
import { exportedArtifactsQuery, exportedItemQuery } from "./jobs";
import { addressOf, canBeWav, saveArtifact, saveWav } from "./saving";

type Artifact = Schemas["Artifact"];

export function FilesPane({ item }: { item: string }) {
  const facts = useQuery(exportedItemQuery(item));
  const artifacts = useQuery(exportedArtifactsQuery(item));
  const error = facts.error ?? artifacts.error;
  if (error) return <p className="danger">{problemText(error)}</p>;
  if (!facts.data || !artifacts.data) return <div className="skeleton" />;
  const groups = fileGroups(artifacts.data);
  if (groups.length === 0) return <p className="fg1">There are no files yet.</p>;
  return (
    <>
      {groups.map((group) => (
        <section key={group.title} aria-label={group.title}>
          <h3>{group.title}</h3>
          <ul>
            {group.files.map(({ artifact, label }) => (
              <li key={artifact.id} className="export-file row">
                <span className="grow ellipsis">{label}</span>
                <span className="t12 fg2">{formatBytes(artifact.size)}</span>
                <SaveButtons item={facts.data} artifact={artifact} label={label} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

function SaveButtons({
  item,
  artifact,
  label,
}: {
  item: Schemas["Item"];
  artifact: Artifact;
  label: string;
}) {
  return (
    <>
      {artifact.kind === "canonical" && canBeWav(item) && (
        <button
          type="button"
          className="btn small"
          onClick={() => void saveWav(item, () => addressOf(artifact.id))}
        >
          WAV
        </button>
      )}
      <button
        type="button"
        className="icon-btn small"
        aria-label={`Save ${label}`}
        title="Save"
        onClick={() => void saveArtifact(artifact, item.name)}
      >
        <Icon name="download" />
      </button>
    </>
  );
}
