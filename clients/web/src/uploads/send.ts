/** Sending one file in parts, with everything that can interrupt it. */
import type { Schemas } from "../data/api";
import { ProblemError } from "../data/problem-error";

export type Upload = Schemas["Upload"];
type Part = Schemas["UploadPart"];

/** What sending needs of the server and the network. */
export interface UploadPorts {
  create(file: { name: string; size: number; sha256: string }): Promise<Upload>;
  get(upload: string): Promise<Upload>;
  complete(upload: string): Promise<Upload>;
  /**
   * PUT the bytes of one part.
   * @throws ProblemError if the store refused them, TypeError if the network broke.
   */
  put(part: Part, bytes: Blob, onSent: (bytes: number) => void, signal: AbortSignal): Promise<void>;
  /** Wait before attempt number `attempt` (from 1), or until the network is back. */
  waitForNetwork(attempt: number, signal: AbortSignal): Promise<void>;
}

export interface SendOptions {
  /** Id of an interrupted upload of the same bytes. */
  readonly resume: string | null;
  onCreated(upload: Upload): void;
  onSent(bytes: number): void;
  /** The network broke (true), or answers again (false). */
  onInterrupted(interrupted: boolean): void;
  readonly signal: AbortSignal;
}

/** Whether an error passes by itself: no network, or a server that is overloaded. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return error instanceof TypeError;
  return error.status === 429 || error.status >= 500;
}

/** A signed URL has expired, or its upload moved: ask for the parts again. */
function needsNewUrls(error: unknown): boolean {
  return error instanceof ProblemError && [400, 401, 403, 404, 410].includes(error.status);
}

/**
 * Send all parts of a file and return its upload, which stays open; see `sendFile`.
 * @throws ProblemError if the server refuses the file; DOMException `AbortError` if stopped.
 */
export async function sendParts(
  file: { name: string; size: number; sha256: string; content: Blob },
  ports: UploadPorts,
  options: SendOptions,
): Promise<Upload> {
  const retry = <T>(step: () => Promise<T>) => untilItPasses(step, ports, options);
  let upload = await open(file, ports, options, retry);
  options.onCreated(upload);
  let refusals = 0;
  while (upload.state === "open" && (upload.missing ?? []).length > 0) {
    let sent = (upload.received ?? []).reduce((sum, part) => sum + part.size, 0);
    options.onSent(sent);
    for (const part of upload.missing ?? []) {
      const bytes = file.content.slice(part.offset, part.offset + part.size);
      const before = sent;
      try {
        await retry(() =>
          ports.put(part, bytes, (count) => options.onSent(before + count), options.signal),
        );
      } catch (error) {
        refusals += 1;
        if (!needsNewUrls(error) || refusals > 3) throw error;
        break;
      }
      sent += part.size;
      options.onSent(sent);
    }
    const { id } = upload;
    upload = await retry(() => ports.get(id));
  }
  return upload;
}

/**
 * Send a file and return its completed upload. Passing errors are waited for without end, so that
 * an upload goes on by itself after the network is back.
 * @throws ProblemError if the server refuses the file; DOMException `AbortError` if stopped.
 */
export async function sendFile(
  file: { name: string; size: number; sha256: string; content: Blob },
  ports: UploadPorts,
  options: SendOptions,
): Promise<Upload> {
  const upload = await sendParts(file, ports, options);
  const { id } = upload;
  return upload.state === "open" ? untilItPasses(() => ports.complete(id), ports, options) : upload;
}

async function open(
  file: { name: string; size: number; sha256: string },
  ports: UploadPorts,
  options: SendOptions,
  retry: <T>(step: () => Promise<T>) => Promise<T>,
): Promise<Upload> {
  const { resume } = options;
  if (resume !== null) {
    try {
      const upload = await retry(() => ports.get(resume));
      if (upload.state !== "aborted") return upload;
    } catch (error) {
      // The server has forgotten the upload: begin again.
      if (!needsNewUrls(error)) throw error;
    }
  }
  return retry(() => ports.create(file));
}

async function untilItPasses<T>(
  step: () => Promise<T>,
  ports: UploadPorts,
  options: SendOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    try {
      const result = await step();
      if (attempt > 1) options.onInterrupted(false);
      return result;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isPassing(error)) throw error;
      options.onInterrupted(true);
      await ports.waitForNetwork(attempt, options.signal);
    }
  }
}
