/** The worker that fetches and decodes: opens the sources, then feeds the mixer. */
import { Feeder } from "./feeder";
import type { Block, FromFeeder, ToFeeder } from "./messages";
import { HttpRanges } from "./ranges";
import { DecodedSource, WindowCache } from "./windows";

/** Bytes of decoded samples that are kept: ten seconds of a song with six stems. */
const CACHE_BYTES = 40 * 2 ** 20;

const scope = self as unknown as {
  postMessage(message: FromFeeder): void;
  onmessage: ((event: MessageEvent<ToFeeder>) => void) | null;
  close(): void;
};

let feeder: Feeder | null = null;
let sources: DecodedSource[] = [];
const renewals = new Map<number, (address: string) => void>();

function renew(source: number): Promise<string> {
  scope.postMessage({ kind: "expired", source });
  return new Promise((resolve) => renewals.set(source, resolve));
}

function fail(error: unknown): void {
  scope.postMessage({ kind: "failed", message: error instanceof Error ? error.message : "" });
}

async function open(message: Extract<ToFeeder, { kind: "open" }>): Promise<void> {
  const { port } = message;
  sources = await Promise.all(
    message.sources.map(({ address, size }, index) =>
      DecodedSource.open(new HttpRanges(address, size, () => renew(index))),
    ),
  );
  const [first] = sources;
  if (!first || sources.some(({ sampleRate }) => sampleRate !== first.sampleRate))
    throw new Error("the files have different sample rates");
  const song = {
    sources: sources.length,
    sampleRate: first.sampleRate,
    samples: Math.max(...sources.map(({ samples }) => samples)),
  };
  const send = (block: Block): void => port.postMessage(block, [block.samples.buffer]);
  const opened = new Feeder(song, new WindowCache(sources, CACHE_BYTES), send, fail);
  port.onmessage = (event: MessageEvent<Block>) => opened.returned(event.data);
  feeder = opened;
  scope.postMessage({ kind: "opened", sampleRate: song.sampleRate, samples: song.samples });
}

scope.onmessage = ({ data }) => {
  if (data.kind === "open") open(data).catch(fail);
  else if (data.kind === "seek") feeder?.seek(data.generation, data.position, data.loop);
  else if (data.kind === "address") {
    renewals.get(data.source)?.(data.address);
    renewals.delete(data.source);
  } else {
    for (const source of sources) source.close();
    scope.close();
  }
};
