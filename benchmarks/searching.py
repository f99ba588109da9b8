"""Worst-case searches and their memory: the largest texts, and characters that grow when folded.

U+FDFA is one character that is written out as 18 (NFKD). The benchmark
fills an item with as much such metadata as the server accepts, then searches for the longest
accepted query, once and several times at once.
On SQLite the memory is that of the whole server's process, on Postgres that of its sessions.
Also shown: the latency of another user's list during the search.
"""

import argparse
import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx

from benchmarks.gateway import one_process, several_processes
from tests.support.postgres import running_postgres, temporary_database

GROWING = "\ufdfa"
MIB = 1 << 10
"""In the kibibytes that the kernel counts in."""
METADATA = (64 * 1990, 16_000, 5_000, 1_000)
"""Characters of metadata, largest first: the first that is taken is used."""
WORDS = (GROWING * 200, GROWING * 10, "a b c d e f g h")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sqlite", type=int, nargs="*", default=[1, 4], help="searches at once")
    parser.add_argument("--postgres", type=int, nargs="*", default=[1, 24], help="searches at once")
    chosen = parser.parse_args()
    if chosen.sqlite:
        with tempfile.TemporaryDirectory() as folder, one_process(Path(folder)) as server:
            print("\nSQLite, the server in one process:", flush=True)
            asyncio.run(measure(server.url, chosen.sqlite, lambda: memory(server.pids)))
    if chosen.postgres:
        with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
            print("\nPostgres, its sessions:", flush=True)
            asyncio.run(_on_postgres(server, Path(folder), chosen.postgres))


async def _on_postgres(server: str, folder: Path, at_once: list[int]) -> None:
    async with temporary_database(server) as database:
        name = database.rpartition("/")[2]
        with several_processes(folder, library_database=database) as server:
            await measure(server.url, at_once, lambda: memory(sessions(name), "RssAnon"))


async def measure(url: str, at_once: list[int], held: Callable[[], int]) -> None:
    """Print what searches cost a server."""
    async with client(url) as attacker, client(url) as other:
        item = await item_of(attacker)
        size = await fill(attacker, item)
        print(f"  an item of {size} characters of metadata; the memory before: {held()} MiB")
        for words in WORDS:
            for count in at_once:
                await _round(attacker, other, words, count, held)


async def _round(
    attacker: httpx.AsyncClient,
    other: httpx.AsyncClient,
    words: str,
    count: int,
    held: Callable[[], int],
) -> None:
    done = asyncio.Event()
    readings: list[int] = [held()]
    waits: list[float] = []

    async def watch() -> None:
        while not done.is_set():
            readings.append(await asyncio.to_thread(held))
            await asyncio.sleep(0.01)

    async def list_items() -> None:
        while not done.is_set():
            began = time.monotonic()
            await other.get("/v1/items")
            waits.append(time.monotonic() - began)

    async def search() -> tuple[int, float]:
        began = time.monotonic()
        answer = await attacker.get("/v1/items", params={"q": words})
        return answer.status_code, time.monotonic() - began

    tasks = [asyncio.create_task(watch()), asyncio.create_task(list_items())]
    answers = await asyncio.gather(*(search() for _ in range(count)))
    done.set()
    await asyncio.gather(*tasks)
    codes = sorted({code for code, _ in answers})
    slowest = max(took for _, took in answers)
    print(
        f"  {len(words):>4} characters, {count:>2} at once: {codes}, slowest {slowest:6.2f} s, "
        f"memory {readings[0]:>5} to at most {max(readings):>5} MiB; another's list: median "
        f"{statistics.median(waits) * 1000:.0f} ms, most {max(waits) * 1000:.0f} ms",
        flush=True,
    )


@asynccontextmanager
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a new account."""
    async with httpx.AsyncClient(base_url=url, timeout=120.0) as http:
        account = {
            "email": f"{secrets.token_hex(6)}@example.org",
            "password": secrets.token_urlsafe(16),
        }
        (await http.post("/v1/accounts", json=account)).raise_for_status()
        session = (await http.post("/v1/sessions", json=account)).raise_for_status().json()
        http.headers["Authorization"] = f"Bearer {session['access_token']}"
        yield http


async def item_of(http: httpx.AsyncClient) -> str:
    """Upload something, and return its item."""
    data = secrets.token_bytes(1000)
    body = {"name": "a.wav", "size": len(data), "sha256": sha256(data).hexdigest()}
    upload = (await http.post("/v1/uploads", json=body)).raise_for_status().json()
    (await http.put(upload["missing"][0]["url"], content=data)).raise_for_status()
    done = await http.post(f"/v1/uploads/{upload['id']}/complete")
    return str(done.raise_for_status().json()["item"])


async def fill(http: httpx.AsyncClient, item: str) -> int:
    """Give an item as much metadata as the server accepts; return how many characters that is."""
    for size in METADATA:
        labels = {f"{n}": GROWING * (size // 64) for n in range(64)}
        answer = await http.patch(f"/v1/items/{item}", json={"metadata": labels})
        if answer.is_success:
            return size
    raise RuntimeError(f"no metadata is accepted: {answer.text}")


def memory(pids: Iterator[int] | tuple[int, ...], of: str = "VmRSS") -> int:
    """Return what processes hold now, in MiB."""
    total = 0
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in status.splitlines() if of in line), 0)
    return total // MIB


def sessions(database: str) -> Iterator[int]:
    """Yield Postgres's processes that serve a database."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if words.startswith(b"postgres: ") and database.encode() in words:
            yield int(path.parent.name)


if __name__ == "__main__":
    main()
