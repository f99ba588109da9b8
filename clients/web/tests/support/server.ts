/** A whole server for flows: the embedded one, on a free port, with a data folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = new URL("../../../../", import.meta.url).pathname;
const START_WITHIN_MS = 120_000;

export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === "object") resolve(address.port);
        else reject(new Error("no port"));
      });
    });
  });
}

/** Start a server with an empty data folder, or with `data`, which is then kept. */
export async function startServer(data?: string): Promise<Server> {
  const port = await freePort();
  const folder = data ?? mkdtempSync(join(tmpdir(), "cratedig-flow-"));
  const log = openSync(join(folder, "server.log"), "a");
  const server = spawn(join(ROOT, ".venv/bin/python"), ["-m", "embedded"], {
    cwd: ROOT,
    env: {
      ...process.env,
      CRATEDIG_DATA: folder,
      CRATEDIG_PORT: String(port),
      KIT_PINNED_WEIGHTS: "true",
      GATEWAY_LOGINS_PER_MINUTE: "1000",
      GATEWAY_ACCOUNTS_PER_HOUR: "1000",
      GATEWAY_REQUESTS_PER_MINUTE: "1000000",
      // The receiver of a flow listens on this machine.
      LIBRARY_WEBHOOK_ANY_ADDRESS: "true",
    },
    stdio: ["ignore", log, log],
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(server, url, folder);
  } catch (error) {
    await stopProcess(server);
    throw error;
  }
  return {
    url,
    stop: async () => {
      await stopProcess(server);
      if (data === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady(server: ChildProcess, url: string, folder: string): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`The server ended; see ${folder}/server.log.`);
    const ready = await fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    if (Date.now() > deadline)
      throw new Error(`The server is not ready; see ${folder}/server.log.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function stopProcess(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (server.exitCode !== null) {
      resolve();
      return;
    }
    const force = setTimeout(() => server.kill("SIGKILL"), 20_000);
    server.once("exit", () => {
      clearTimeout(force);
      resolve();
    });
    server.kill("SIGTERM");
  });
}
