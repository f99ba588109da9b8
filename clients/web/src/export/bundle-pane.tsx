/** What a bundle holds, how it is opened, what it needs, and its options. */
import { useQuery } from "@tanstack/react-query";
import { missingText, stemsOf } from "./files";
import { exportedArtifactsQuery } from "./jobs";
import { OptionsForm } from "./options-form";
import type { ExportOptions } from "./params";
import { presetFacts, type Preset } from "./presets";

export function BundlePane({
  preset,
  item,
  isOffered,
  options,
  onChange,
}: {
  preset: Preset;
  /** The item that is exported; null for a collection. */
  item: string | null;
  /** Whether a worker asks for exports. */
  isOffered: boolean;
  options: ExportOptions;
  onChange: (change: Partial<ExportOptions>) => void;
}) {
  const artifacts = useQuery({ ...exportedArtifactsQuery(item ?? ""), enabled: item !== null });
  const facts = presetFacts(preset);
  const missing = item === null || !artifacts.data ? "" : missingText(preset, artifacts.data);
  return (
    <>
      <p>{facts?.content}</p>
      <p className="fg2">{facts?.opens}</p>
      {missing !== "" && <p className="fg1">{missing}</p>}
      {!isOffered && <p className="fg1">No worker that exports is running. The export waits.</p>}
      <OptionsForm
        preset={preset}
        isItem={item !== null}
        stems={stemsOf(artifacts.data ?? [])}
        options={options}
        onChange={onChange}
      />
    </>
  );
}
