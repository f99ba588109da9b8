/** Saves files of items, as they are stored or as WAV. */
import { api, data, type Schemas } from "../data/api";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { baseName } from "../parts/format";
import { saveFile, wavFile } from "../parts/wav";
import { savedName } from "./files";

type Artifact = Schemas["Artifact"];
type Item = Schemas["Item"];

/** Seconds of sound up to which the page writes a WAV file; for longer ones there are bundles. */
export const MAX_WAV_SECONDS = 120;
const URL_LIFE_MS = 60_000;

/** Whether the page can write the sound of an item as WAV. */
export function canBeWav({ audio }: Pick<Item, "audio">): boolean {
  return audio != null && audio.duration <= MAX_WAV_SECONDS;
}

/** Return a signed address of a file. */
export async function addressOf(artifact: string): Promise<string> {
  const path = { artifact };
  return (await data(api.GET("/v1/artifacts/{artifact}/download", { params: { path } }))).url;
}

/** Save a file as it is stored. */
export async function saveArtifact(artifact: Artifact, item: string): Promise<void> {
  await reporting(artifact.name, async () => {
    saveFile(await addressOf(artifact.id), savedName(item, artifact));
  });
}

/**
 * Save the sound at an address as a WAV file of 24 bits at its own rate. The file is decoded in the
 * page without being resampled, so its samples are those that are stored.
 */
export async function saveWav(item: Item, address: () => Promise<string>): Promise<void> {
  const name = baseName(item.name);
  await reporting(name, async () => {
    const response = await fetch(await address());
    if (!response.ok) throw new Error(`the store answered ${response.status}`);
    const rate = item.audio?.sample_rate ?? 44_100;
    const context = new OfflineAudioContext(1, 1, rate);
    const sound = await context.decodeAudioData(await response.arrayBuffer());
    const channels = Array.from({ length: sound.numberOfChannels }, (_, channel) =>
      sound.getChannelData(channel),
    );
    const file = new Blob([wavFile(channels, rate)], { type: "audio/wav" });
    const url = URL.createObjectURL(file);
    saveFile(url, `${name.replace(/[/\\:*?"<>|]/g, "_")}.wav`);
    setTimeout(() => URL.revokeObjectURL(url), URL_LIFE_MS);
  });
}

async function reporting(name: string, save: () => Promise<void>): Promise<void> {
  try {
    await save();
  } catch (error) {
    showToast(`${name} was not saved. ${problemText(error)}`);
  }
}
