"""`make demo`: start the server, process a song as a user would, and leave the server running."""

import argparse
import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx

from cratedig import AuthenticationError, Client, CratedigError, Credentials
from cratedig import credentials as stored_credentials
from cratedig.cli.folders import by_folder, download, item_folder, sample_labels
from cratedig.cli.output import format_length, format_size, print_line, progress_bars
from cratedig.cli.tags import summary
from cratedig.names import file_name, safe_name
from cratedig.types import Item, Run
from embedded.settings import EmbeddedSettings
from embedded.sign_in import has_web_client, make_code
from examples.previews import Previews, installed_player
from gateway.sign_in import sign_in_link

SONG = Path(__file__).parent / "song" / "song.flac"
PIPELINE = "full"
START_WITHIN = 120.0
SHOWN = 6
"""Maximum number of file names to print of each kind."""


def main() -> None:
    """Run the demo, or stop the server that it left running."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--song", type=Path, default=SONG, help="take this file instead")
    parser.add_argument("--mute", action="store_true", help="play no parts of stems meanwhile")
    parser.add_argument(
        "--export", action="store_true", help="also write the song as bundles for DAWs"
    )
    parser.add_argument("--stop", action="store_true", help="stop the server that runs")
    arguments = parser.parse_args()
    settings = EmbeddedSettings()
    if arguments.stop:
        _stop(settings)
        return
    if not arguments.song.is_file():
        sys.exit(f"demo: there is no file {arguments.song}")
    began = time.monotonic()
    url = f"http://{settings.host}:{settings.port}"
    _start(settings, url)
    print(f"The server is ready after {time.monotonic() - began:.1f} s at {url}")
    try:
        with _log_in(settings, url) as client:
            player = () if arguments.mute else installed_player()
            folder = settings.data.resolve() / "demo"
            item = _take_apart(client, arguments.song, folder, player)
            if arguments.export:
                _export_all(client, item, folder)
            code = asyncio.run(make_code(settings, client.account.get().email))
    except CratedigError as error:
        sys.exit(f"demo: {error}\nThe server's log: {settings.data / 'server.log'}")
    page = f"  open it:     {sign_in_link(url, code)}\n" if code and has_web_client() else ""
    print(
        f"\nThe server still runs at {url} (API: {url}/docs).\n"
        f"{page}"
        f"  data folder: {settings.data.resolve()}\n"
        f"  try:         CRATEDIG_CONFIG={_session_file(settings)} .venv/bin/cratedig ls\n"
        "  stop it:     make stop"
    )


def _start(settings: EmbeddedSettings, url: str) -> None:
    """Start the server in the background if it is not running."""
    if _answers(url):
        return
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = settings.data / "server.log"
    print(f"Starting the server (its log is {log}) …", flush=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    (settings.data / "server.pid").write_text(f"{process.pid}\n", encoding="utf-8")
    deadline = time.monotonic() + START_WITHIN
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-15:])
            sys.exit(f"demo: the server did not start:\n{tail}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2.0).is_success
    except httpx.TransportError:
        return False


def _stop(settings: EmbeddedSettings) -> None:
    path = settings.data / "server.pid"
    try:
        pid = int(path.read_text(encoding="utf-8"))
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        print("No server that the demo started runs here.")
        return
    finally:
        path.unlink(missing_ok=True)
    print(f"The server (process {pid}) is stopping.")


def _session_file(settings: EmbeddedSettings) -> Path:
    return settings.data.resolve() / "demo-session.json"


def _log_in(settings: EmbeddedSettings, url: str) -> Client:
    """Return a client of the account of this machine's own user.

    On a server whose first account is another, it is an account of the demo.
    """
    kept = _session_file(settings)
    stored = stored_credentials.load(kept)
    client = Client(
        Credentials(url, stored.access_token, stored.refresh_token),
        save=lambda credentials: stored_credentials.save(credentials, kept),
    )
    try:
        client.account.get()
    except AuthenticationError:
        if code := asyncio.run(make_code(settings)):
            client.sessions.create_with_code(code)
            return client
        email = f"demo-{secrets.token_hex(4)}@localhost"
        client.account.create(email, secrets.token_urlsafe(24), name="Demo")
        print(f"Signed up {email}")
    return client


def _take_apart(client: Client, song: Path, folder: Path, player: tuple[str, ...]) -> Item:
    """Upload a song, run the pipeline, download every file, and return the song."""
    with progress_bars(bytes_=True) as progress:
        bar = progress.add_task(f"Uploading {song.name}", total=song.stat().st_size)
        sent = client.uploads.file(
            song, on_progress=lambda done, total: progress.update(bar, completed=done, total=total)
        )
    if sent.item is None or sent.job is None:
        raise CratedigError(f"the upload ended as {sent.state}")
    began = time.monotonic()
    with progress_bars(bytes_=False) as progress:
        bar = progress.add_task("Taking it in", total=1.0)
        client.jobs.wait(
            sent.job, on_progress=lambda job: progress.update(bar, completed=job.progress.fraction)
        )
        item = client.items.get(sent.item)
        bar = progress.add_task(f"Running the pipeline {PIPELINE!r}", total=1.0)
        previews = Previews(
            client, lambda line: progress.print(line, soft_wrap=True), player=player
        )

        def show(run: Run) -> None:
            progress.update(bar, completed=run.progress.fraction)
            previews.update(run)

        try:
            run = client.runs.wait(client.runs.create(item.id, PIPELINE).id, on_progress=show)
        finally:
            previews.close()
    took = time.monotonic() - began
    duration = item.audio.duration if item.audio else 0.0
    print_line(
        f"\n{item.name}: {format_length(duration)} of sound, taken apart in {took:.1f} s "
        f"({run.state})"
    )
    for name, value in sorted(item.metadata.items()):
        print_line(f"  {name}: {value}")
    _fetch_all(client, item, item_folder(folder, item))
    for job in client.jobs.list(run=run.id):
        if job.result and job.task == "tagging":
            print_line(f"  {job.task}: {summary(job.result)}")
        elif job.result:
            facts = ", ".join(f"{k} {_rounded(v)}" for k, v in job.result.items() if _short(v))
            print_line(f"  {job.task}: {facts}")
            for track in job.result.get("tracks", ()):
                print_line(f"    {track['name']}: {track['notes']} notes")
        elif job.reason:
            print_line(f"  {job.task} {job.state}: {job.reason.message}")
    if run.state == "failed":
        raise CratedigError("the pipeline failed; see the job's message above")
    return item


def _export_all(client: Client, item: Item, folder: Path) -> None:
    """Write a song as every bundle that an item can have, and download them."""
    print_line(f"\nBundles of {item.name}:")
    task = next(task for task in client.tasks.list() if task.name == "export")
    for preset in task.params["$defs"]["Preset"]["enum"]:
        began = time.monotonic()
        job = client.jobs.create(item.id, "export", params={"preset": preset})
        job = client.jobs.wait(job.id)
        took = time.monotonic() - began
        if job.reason is not None:
            print_line(f"  {preset} {job.state}: {job.reason.message}")
        for artifact in client.jobs.artifacts(job.id):
            name = f"{safe_name(Path(item.name).stem)} – {artifact.name}"
            path = download(client, artifact, folder / "bundles" / name)
            print_line(f"  {preset:<12} {took:5.1f} s {format_size(artifact.size):>9}  {path}")


def _fetch_all(client: Client, item: Item, folder: Path) -> None:
    """Download every file of an item, and print a few names of each kind."""
    shown: Counter[str] = Counter()
    artifacts = list(client.artifacts.list(item.id))
    for below, files in by_folder(artifacts, sample_labels(client, item, artifacts)).items():
        for artifact in files:
            path = download(client, artifact, folder / below / file_name(artifact, item.name))
            shown[artifact.kind] += 1
            if shown[artifact.kind] <= SHOWN:
                print_line(f"  {artifact.kind:<10} {format_size(artifact.size):>9}  {path}")
    for kind, count in sorted(shown.items()):
        if count > SHOWN:
            print_line(f"  {kind:<10} and {count - SHOWN} more in {folder}")


def _short(value: object) -> bool:
    return isinstance(value, str | int | float) and 0 < len(str(_rounded(value))) < 40


def _rounded(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
