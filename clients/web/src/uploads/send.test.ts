import { expect, test } from "vitest";
import { ProblemError } from "../data/problem-error";
import { sendFile, type SendOptions, type Upload, type UploadPorts } from "./send";

const PART = 4;
const CONTENT = "0123456789";

/** A server that keeps the parts it gets; its faults are scripted. */
class ScriptedServer implements UploadPorts {
  readonly parts = new Map<number, string>();
  readonly pauses: number[] = [];
  readonly puts: number[] = [];
  completed = false;
  duplicate = false;
  created = 0;
  /** Faults of the next PUTs, in order. */
  faults: unknown[] = [];

  #answer(): Upload {
    const all = [0, 1, 2].map((index) => ({
      number: index + 1,
      offset: index * PART,
      size: Math.min(PART, CONTENT.length - index * PART),
    }));
    return {
      id: "upload",
      state: this.completed || this.duplicate ? "completed" : "open",
      name: "song.wav",
      size: CONTENT.length,
      part_size: PART,
      expires: "",
      duplicate: this.duplicate,
      item: this.completed || this.duplicate ? "item" : null,
      received: all
        .filter(({ number }) => this.parts.has(number))
        .map(({ number, size }) => ({ number, size, etag: "" })),
      missing: all
        .filter(({ number }) => !this.parts.has(number))
        .map((part) => ({ ...part, url: "", expires: "" })),
    };
  }

  async create() {
    this.created += 1;
    return this.#answer();
  }

  async get() {
    return this.#answer();
  }

  async complete() {
    this.completed = true;
    return this.#answer();
  }

  async put(part: { number: number }, bytes: Blob, onSent: (bytes: number) => void) {
    this.puts.push(part.number);
    const fault = this.faults.shift();
    if (fault) throw fault;
    this.parts.set(part.number, await bytes.text());
    onSent(bytes.size);
  }

  async waitForNetwork(attempt: number) {
    this.pauses.push(attempt);
  }
}

const FILE = {
  name: "song.wav",
  size: CONTENT.length,
  sha256: "00",
  content: new Blob([CONTENT]),
};

function options(change: Partial<SendOptions> = {}): SendOptions & { interruptions: boolean[] } {
  const interruptions: boolean[] = [];
  return {
    resume: null,
    onCreated: () => undefined,
    onSent: () => undefined,
    onInterrupted: (interrupted) => interruptions.push(interrupted),
    signal: new AbortController().signal,
    interruptions,
    ...change,
  };
}

function problem(status: number): ProblemError {
  return new ProblemError(status, "", "", "");
}

test("a file goes in parts, and the upload is completed", async () => {
  const server = new ScriptedServer();
  const sent: number[] = [];
  const upload = await sendFile(FILE, server, options({ onSent: (bytes) => sent.push(bytes) }));
  expect(upload.item).toBe("item");
  expect([...server.parts.values()].join("")).toBe(CONTENT);
  expect(sent.at(-1)).toBe(CONTENT.length);
});

test("the same bytes are not sent again", async () => {
  const server = new ScriptedServer();
  server.duplicate = true;
  const upload = await sendFile(FILE, server, options());
  expect(upload.duplicate).toBe(true);
  expect(server.puts).toEqual([]);
});

test("a lost network is waited for, however long, and the part is sent again", async () => {
  const server = new ScriptedServer();
  server.faults = [undefined, ...Array.from({ length: 9 }, () => new TypeError("network"))];
  const watched = options();
  await sendFile(FILE, server, watched);
  expect(server.completed).toBe(true);
  expect(server.pauses).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(watched.interruptions.at(0)).toBe(true);
  expect(watched.interruptions.at(-1)).toBe(false);
});

test("expired addresses are asked for again; what was received is kept", async () => {
  const server = new ScriptedServer();
  server.faults = [undefined, problem(403)];
  await sendFile(FILE, server, options());
  expect(server.puts).toEqual([1, 2, 2, 3]);
});

test("a store that keeps refusing is an error", async () => {
  const server = new ScriptedServer();
  server.faults = Array.from({ length: 9 }, () => problem(403));
  await expect(sendFile(FILE, server, options())).rejects.toThrow();
});

test("an interrupted upload goes on with the missing parts", async () => {
  const server = new ScriptedServer();
  server.parts.set(1, "0123");
  await sendFile(FILE, server, options({ resume: "upload" }));
  expect(server.created).toBe(0);
  expect(server.puts).toEqual([2, 3]);
});

test("stopping ends the sending", async () => {
  const server = new ScriptedServer();
  const stop = new AbortController();
  server.faults = [new TypeError("network")];
  const sending = sendFile(
    FILE,
    server,
    options({ signal: stop.signal, onInterrupted: () => stop.abort() }),
  );
  await expect(sending).rejects.toThrow();
  expect(server.completed).toBe(false);
});
