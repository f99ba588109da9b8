"""The web client over 100,000 sounds in Chromium, measured against its budgets.

Writes generated sounds straight into the database of an embedded server, uploads a few that can be
heard and a song of an hour, which gets six stems; then `clients/web/scripts/bench-web.mjs` opens
the page and measures the first load, keys, scrolling, facets, memory, the time from a key to the
first sample at the output, and how the song opens and seeks. Needs Node and
Chromium, and the client that `make web` builds. The exit status is 1 if a budget is exceeded.
`--write` puts the table into docs/web.md.
"""

import argparse
import asyncio
import json
import math
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import wave
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sqlalchemy import select
from sqlmodel import col

from benchmarks.environments import write_figures
from benchmarks.search import SMALLEST, fill
from contracts.items import ArtifactKind
from cratedig import Client
from kit.clock import SystemClock, new_id
from kit.database.engine import Database
from services.library.catalogue.tables import ArtifactRow
from tests.support.running_server import ROOT, embedded_server, running

WEB = ROOT / "clients" / "web"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DOCUMENT = ROOT / "docs" / "web.md"
AUDIBLE = 8
"""Sounds that can be heard."""
RATE = 44_100
STEMS = ("drums", "bass", "other", "vocals", "guitar", "piano")


def main() -> int:
    """Print the figures; the exit status says whether all are within their budgets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=int, default=2000 if SMALLEST else 100_000)
    parser.add_argument("--write", action="store_true", help="put the table into docs/web.md")
    arguments = parser.parse_args()
    node = shutil.which("node")
    if node is None or not Path(CHROMIUM).exists() or not (WEB / "dist" / "index.html").exists():
        print("left out: it needs Node, Chromium and the web client (make web)")
        return 0
    with tempfile.TemporaryDirectory() as name, running(embedded_server(Path(name))) as server:
        email, password = "crate@example.org", secrets.token_urlsafe(16)
        client = server.client()
        client.account.create(email, password)
        database = Path(name) / "data" / "library.db"
        asyncio.run(_write_sounds(database, client.account.get().id, arguments.sounds))
        _upload_audible(client, Path(name))
        song = _upload_song(client, Path(name), 1 if SMALLEST else 60)
        asyncio.run(_write_stems(database, song))
        script = WEB / "scripts" / "bench-web.mjs"
        command = [node, str(script), server.url, email, password, song]
        done = subprocess.run(command, check=True, cwd=WEB, stdout=subprocess.PIPE, text=True)
    measures = json.loads(done.stdout)
    conditions = (
        f"{arguments.sounds:,} sounds, {os.cpu_count()} CPUs, "
        f"load average {os.getloadavg()[0]:.1f} at the end"
    )
    table = _table(measures)
    print(f"{conditions}\n\n{table}")
    if arguments.write:
        write_figures(DOCUMENT, f"{conditions}:\n\n{table}")
    exceeded = [each["name"] for each in measures if _is_exceeded(each)]
    for each in exceeded:
        print(f"over its budget: {each}", file=sys.stderr)
    # The smallest case runs on any machine and beside anything: it gives no figure.
    return 1 if exceeded and not SMALLEST else 0


async def _write_sounds(path: Path, owner: str, sounds: int) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}", clock=SystemClock(), statement_timeout=120.0)
    try:
        await fill(database, owner, sounds)
    finally:
        await database.close()


def _upload_audible(client: Client, folder: Path) -> None:
    """Upload short tones whose first sample is no silence, and wait until they can be played."""
    paths = []
    for number in range(AUDIBLE):
        path = folder / f"audible {number}.wav"
        samples = array(
            "h",
            (
                int(20_000 * math.cos(index * (0.02 + 0.005 * number)) * math.exp(-index / 3000))
                for index in range(RATE // 3)
            ),
        )
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.tobytes())
        paths.append(path)
    for path in paths:
        client.uploads.file(path)


def _upload_song(client: Client, folder: Path, minutes: int) -> str:
    """Upload a song that sounds all the time, wait until it has been decoded, and return its id."""
    path = folder / "song.flac"
    generator = np.random.default_rng(7)
    with soundfile.SoundFile(path, "w", samplerate=RATE, channels=2, subtype="PCM_16") as file:
        for _ in range(minutes):
            file.write(generator.normal(0.0, 0.05, (60 * RATE, 2)))
    upload = client.uploads.file(path, kind="track")
    if upload.item is None or upload.job is None:
        raise RuntimeError("the song was not taken in")
    client.jobs.wait(upload.job)
    return upload.item


async def _write_stems(path: Path, song: str) -> None:
    """Give a song the files of a separation: each stem has the song's audio and waveform."""
    database = Database(f"sqlite+aiosqlite:///{path}", clock=SystemClock(), statement_timeout=120.0)
    job = new_id()
    try:
        async with database.transaction() as session:
            rows = (
                await session.scalars(select(ArtifactRow).where(col(ArtifactRow.item) == song))
            ).all()
            for row in rows:
                if row.kind not in (ArtifactKind.CANONICAL, ArtifactKind.PEAKS):
                    continue
                is_audio = row.kind == ArtifactKind.CANONICAL
                facts = row.model_dump(exclude={"id", "kind", "name", "stem", "job"})
                for stem in STEMS:
                    session.add(
                        ArtifactRow(
                            id=new_id(),
                            kind=ArtifactKind.STEM if is_audio else ArtifactKind.PEAKS,
                            name=f"{stem}.flac" if is_audio else f"{stem}-peaks.dat",
                            stem=stem,
                            job=job,
                            **facts,
                        )
                    )
    finally:
        await database.close()


def _is_exceeded(measure: dict[str, Any]) -> bool:
    return measure["budget"] is not None and measure["value"] > measure["budget"]


def _table(measures: list[dict[str, Any]]) -> str:
    """Return the measurements as a table in Markdown."""
    rows = ["| | measured | budget |", "|---|---|---|"]
    for each in measures:
        allowed = "" if each["budget"] is None else f"≤ {each['budget']:g} {each['unit']}"
        rows.append(f"| {each['name']} | {each['value']:g} {each['unit']} | {allowed} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
