/** Uploads through the API and its signed addresses. */
import { api, data, idempotent } from "../data/api";
import { ProblemError } from "../data/problem-error";
import type { UploadPorts } from "./send";

const MAX_PAUSE_MS = 10_000;

export const uploadPorts: UploadPorts = {
  create: ({ name, size, sha256 }) =>
    data(
      api.POST("/v1/uploads", {
        params: { header: idempotent() },
        body: { name, size, sha256 },
      }),
    ),
  get: (upload) => data(api.GET("/v1/uploads/{upload}", { params: { path: { upload } } })),
  complete: (upload) =>
    data(
      api.POST("/v1/uploads/{upload}/complete", {
        params: { path: { upload }, header: idempotent() },
      }),
    ),
  put: (part, bytes, onSent, signal) => put(part.url, bytes, onSent, signal),
  waitForNetwork,
};

/** PUT with progress, which `fetch` does not report. */
function put(
  url: string,
  bytes: Blob,
  onSent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => onSent(event.loaded));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(ProblemError.of(request.status, null));
    });
    request.addEventListener("error", () => reject(new TypeError("The connection broke.")));
    request.addEventListener("abort", () => reject(new DOMException("Stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(bytes);
  });
}

/** Wait with doubling pauses, at most 10 s; shorter if the browser says it is online again. */
function waitForNetwork(attempt: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(MAX_PAUSE_MS, 500 * 2 ** attempt));
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
