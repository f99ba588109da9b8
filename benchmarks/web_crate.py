"""The Crate of the web client over 100,000 sounds, scrolled in Chromium.

Writes generated sounds straight into the database of an embedded server, then
`clients/web/scripts/bench-crate.mjs` opens the page and prints the milliseconds of script in a
frame while the list scrolls, the number of rows in the document, and how long a facet takes.
Needs Node and Chromium, and the client that `make web` builds.
"""

import argparse
import asyncio
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.search import SMALLEST, fill
from kit.clock import SystemClock
from kit.database.engine import Database
from tests.support.running_server import ROOT, embedded_server, running

WEB = ROOT / "clients" / "web"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=int, default=2000 if SMALLEST else 100_000)
    arguments = parser.parse_args()
    node = shutil.which("node")
    if node is None or not Path(CHROMIUM).exists() or not (WEB / "dist" / "index.html").exists():
        print("left out: it needs Node, Chromium and the web client (make web)")
        return
    with tempfile.TemporaryDirectory() as name, running(embedded_server(Path(name))) as server:
        email, password = "crate@example.org", secrets.token_urlsafe(16)
        client = server.client()
        client.account.create(email, password)
        asyncio.run(
            _write(Path(name) / "data" / "library.db", client.account.get().id, arguments.sounds)
        )
        script = WEB / "scripts" / "bench-crate.mjs"
        subprocess.run([node, script, server.url, email, password], check=True, cwd=WEB)


async def _write(path: Path, owner: str, sounds: int) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}", clock=SystemClock(), statement_timeout=120.0)
    try:
        await fill(database, owner, sounds)
    finally:
        await database.close()


if __name__ == "__main__":
    main()
