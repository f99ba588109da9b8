/** Reads ranges of a file at a signed address, and renews the address when it has run out. */
import type { RangeReader } from "./flac/source";

const ATTEMPTS = 3;

export class HttpRanges implements RangeReader {
  #address: string;
  #size: number | null;

  /** @param renew returns a new address; the old one gets 403 when its time is over. */
  constructor(
    address: string,
    size: number | null,
    private readonly renew: () => Promise<string>,
  ) {
    this.#address = address;
    this.#size = size;
  }

  get size(): number {
    return this.#size ?? Number.MAX_SAFE_INTEGER;
  }

  async read(from: number, to: number): Promise<Uint8Array> {
    if (from >= Math.min(to, this.size)) return new Uint8Array(0);
    for (let attempt = 1; ; attempt += 1) {
      const last = Math.min(to, this.size) - 1;
      let response: Response;
      try {
        response = await fetch(this.#address, { headers: { Range: `bytes=${from}-${last}` } });
      } catch (error) {
        if (attempt >= ATTEMPTS) throw error;
        await pause(attempt);
        continue;
      }
      if (response.status === 206 || response.status === 200) return this.#body(response, from, to);
      if (attempt >= ATTEMPTS) throw new Error(`the store answered ${response.status}`);
      if (response.status === 401 || response.status === 403) this.#address = await this.renew();
      else if (response.status < 500 && response.status !== 429)
        throw new Error(`the store answered ${response.status}`);
      else await pause(attempt);
    }
  }

  async #body(response: Response, from: number, to: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status === 200) {
      this.#size = bytes.length;
      return bytes.subarray(from, to);
    }
    const size = Number(response.headers.get("Content-Range")?.split("/")[1]);
    if (Number.isFinite(size)) this.#size = size;
    // A store that hides the header still tells the end of the file by a short answer.
    else if (bytes.length < to - from) this.#size = from + bytes.length;
    return bytes;
  }
}

function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 250 * attempt));
}
