"""`upload`, `ls`, `show`, `get`, `rm`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, cast

import typer

from cratedig import files, types
from cratedig.cli.finding import find, find_item
from cratedig.cli.output import (
    AsJson,
    as_json,
    bars,
    item_row,
    length,
    note,
    out,
    say,
    size,
    table,
)
from cratedig.cli.tags import heard_as, summary
from cratedig.cli.work import follow_job, start
from cratedig.client import Client
from cratedig.errors import CratedigError, JobFailed, Refused

SOUNDS = frozenset(
    {".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff"}
    | {".aifc", ".w64", ".caf", ".mp4", ".mov", ".mkv", ".webm"}
)
"""Endings that a folder is searched for; a file that is named is always tried."""
KINDS = ("track", "stem", "sample", "recording")

Ids = Annotated[list[str], typer.Argument(help="Ids, or names of items.")]


def upload(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files or folders.")],
    kind: Annotated[str | None, typer.Option(help=f"What they are: {', '.join(KINDS)}.")] = None,
    run: Annotated[str | None, typer.Option(help="A pipeline or a task to run on each.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until they are in the catalogue.")] = True,
    json: AsJson = False,
) -> None:
    """Send songs and samples, and wait until the house has taken them in."""
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    found = [file for path in paths for file in _sounds(path)]
    if not found:
        raise typer.BadParameter("there is no sound in these folders", param_hint="PATHS")
    items: list[types.Item] = []
    refused: list[CratedigError] = []
    with Client() as client:
        for path in found:
            try:
                item = _send(client, path, cast(types.ItemKind | None, kind), wait=wait)
            except CratedigError as error:
                if len(found) == 1:
                    raise
                note(f"{path}: {error}")
                refused.append(error)
                continue
            items.append(item)
            if not json:
                say(f"{item.id}  {item.state:<9} {item.name}")
            if run is not None:
                start(client, item, run, {}, force=False, wait=wait, json=False)
    if json:
        as_json(items)
    if refused:
        raise CratedigError(f"{len(refused)} of {len(found)} files were not taken in")


def _sounds(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(
            file for file in path.rglob("*") if file.suffix.lower() in SOUNDS and file.is_file()
        )
    else:
        yield path


def _send(client: Client, path: Path, kind: types.ItemKind | None, *, wait: bool) -> types.Item:
    with bars(bytes_=True) as progress:
        bar = progress.add_task(path.name, total=path.stat().st_size)
        sent = client.upload(
            path, kind=kind, told=lambda done, total: progress.update(bar, completed=done)
        )
    if sent.item is None:
        raise CratedigError(f"{path.name}: the upload ended as {sent.state}")
    if sent.duplicate:
        note(f"{path.name}: the same bytes are there already")
    if wait and sent.job is not None:
        try:
            follow_job(client, sent.job, path.name)
        except JobFailed as error:
            item = client.item(sent.item)
            reason = item.rejection or str(error)
            raise Refused("rejected", f"{path.name}: {reason}") from error
    return client.item(sent.item)


def ls(
    text: Annotated[str | None, typer.Argument(help="Only items that match this text.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    parent: Annotated[str | None, typer.Option(help="Only what was cut from this item.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also what was cut from other items.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    json: AsJson = False,
) -> None:
    """List items, newest first; what was cut from others only when asked for."""
    asked = everything or any((text, kind, parent))
    with Client() as client:
        found = client.items(q=text, kind=kind, state=state, parent=parent)
        wanted = (item for item in found if asked or item.lineage is None)
        items = list(islice(wanted, limit))
    if json:
        as_json(items)
    elif items:
        table(("ID", "KIND", "STATE", "LENGTH", "NAME"), map(item_row, items))
    else:
        note("nothing here yet: cratedig upload SONG")


def show(
    item: Annotated[str, typer.Argument(help="Id or name of an item, or id of a job or a run.")],
    json: AsJson = False,
) -> None:
    """Show an item with its files and jobs, or one job or run."""
    with Client() as client:
        seen = find(client, item)
        if json:
            as_json(seen)
        elif isinstance(seen, types.Item):
            _show_item(client, seen)
        else:
            out.print_json(seen.model_dump_json())


def _show_item(client: Client, item: types.Item) -> None:
    say(f"{item.name}\n  {item.id}  {item.kind}, {item.state}")
    if item.rejection:
        say(f"  refused: {item.rejection}")
    if item.audio:
        audio = item.audio
        say(f"  {length(audio.duration)}, {audio.sample_rate} Hz, {audio.channels} channels")
    if item.bpm:
        say(f"  {item.bpm:g} BPM")
    for name, value in sorted(item.metadata.items()):
        say(f"  {name}: {value}")
    if heard := heard_as(client, item):
        say(f"  {heard}")
    rows = [(a.id, a.kind, size(a.size), a.name) for a in client.artifacts(item.id)]
    if rows:
        say("")
        table(("FILE", "KIND", "SIZE", "NAME"), rows)
    jobs = [(job.id, job.task, job.state, _said(job)) for job in client.jobs(item=item.id)]
    if jobs:
        say("")
        table(("JOB", "TASK", "STATE", ""), jobs)


def _said(job: types.Job) -> str:
    if job.failure:
        return job.failure.message
    return summary(job.result) if job.task == "tagging" and job.result else ""


def get(
    ids: Annotated[list[str], typer.Argument(help="Ids or names of items, or ids of files.")],
    kind: Annotated[
        list[str] | None, typer.Option(help="Only files of this kind; all but peaks by default.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to put them in.")] = Path(),
    json: AsJson = False,
) -> None:
    """Fetch files: one by its id, or an item's."""
    fetched: list[types.Artifact] = []
    with Client() as client:
        for one in ids:
            for artifact, path in _wanted(client, one, frozenset(kind or ()), output):
                path.parent.mkdir(parents=True, exist_ok=True)
                _fetch(client, artifact, path)
                fetched.append(artifact)
                if not json:
                    say(str(path))
    if json:
        as_json(fetched)


def _fetch(client: Client, artifact: types.Artifact, path: Path) -> None:
    with bars(bytes_=True) as progress:
        bar = progress.add_task(artifact.name, total=artifact.size)
        client.download(
            artifact, path, told=lambda done, total: progress.update(bar, completed=done)
        )


def _wanted(
    client: Client, one: str, kinds: frozenset[str], output: Path
) -> Iterator[tuple[types.Artifact, Path]]:
    try:
        artifact = client.artifact(one)
        yield artifact, output / files.local_name(artifact, client.item(artifact.item).name)
        return
    except CratedigError:
        item = find_item(client, one)
    folder = output / files.safe_name(Path(item.name).stem)
    used: set[Path] = set()  # Work that was done again has files of the same names.
    for artifact in client.artifacts(item.id):
        if artifact.kind in kinds or (not kinds and artifact.kind != "peaks"):
            path = folder / files.local_name(artifact, item.name)
            yield artifact, files.apart(path, used)


def rm(
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Delete items with all that was made of them."""
    with Client() as client:
        items = [find_item(client, one) for one in ids]
        names = ", ".join(item.name for item in items)
        if not yes and not typer.confirm(f"Delete {names}, with all that was made of it?"):
            raise typer.Abort
        for item in items:
            client.delete_item(item.id)
    if json:
        as_json(items)
    else:
        say(f"Deleted {names}.")
