"""`upload`, `ls`, `show`, `edit`, `rm`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from cratedig import types
from cratedig.cli.fetching import by_folder, labels_of
from cratedig.cli.finding import find, find_item
from cratedig.cli.output import (
    AsJson,
    as_json,
    bars,
    exit_code,
    fault,
    item_row,
    length,
    note,
    one_of,
    say,
    size,
    table,
)
from cratedig.cli.tags import heard_as, summary
from cratedig.cli.work import Order, Params, Priority, follow_job, said, start, tell
from cratedig.client import Client
from cratedig.errors import CratedigError, JobFailed, Refused
from cratedig.names import file_name

SOUNDS = frozenset(
    {".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff"}
    | {".aifc", ".w64", ".caf", ".mp4", ".mov", ".mkv", ".webm"}
)
"""Endings that a folder is searched for; a file that is named is always tried."""
KINDS = get_args(types.ItemKind)
STEMS = get_args(types.Stem)
SHOWN = 4
"""Names of files that are shown of each folder."""

Ids = Annotated[list[str], typer.Argument(help="Ids, or names of items.")]


def upload(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files or folders.")],
    kind: Annotated[str | None, typer.Option(help=f"What they are: {', '.join(KINDS)}.")] = None,
    stem: Annotated[
        str | None, typer.Option(help=f"The part of a song they hold: {', '.join(STEMS)}.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="A pipeline or a task to run on each.")] = None,
    param: Params = None,
    priority: Priority = "interactive",
    wait: Annotated[bool, typer.Option(help="Wait until they are in the catalogue.")] = True,
    json: AsJson = False,
) -> None:
    """Send songs and samples, and wait until the house has taken them in."""
    one_of(kind, KINDS, "--kind")
    one_of(stem, STEMS, "--stem")
    order = Order.of(run, param, priority, force=False) if run is not None else None
    found = [file for path in paths for file in _sounds(path)]
    if not found:
        raise typer.BadParameter("there is no sound in these folders", param_hint="PATHS")
    done: list[dict[str, Any]] = []
    refused: list[CratedigError] = []
    with Client() as client:
        for path in found:
            try:
                sent = _send(
                    client,
                    path,
                    cast(types.ItemKind | None, kind),
                    cast(types.Stem | None, stem),
                    wait=wait,
                )
                done.append(_taken_in(client, sent, order, wait=wait, json=json))
            except CratedigError as error:
                if len(found) == 1:
                    raise
                fault(error, exit_code(error), subject=str(path), json_=json)
                refused.append(error)
    if json:
        as_json(done)
    if refused:
        raise CratedigError(f"{len(refused)} of {len(found)} files failed; see above")


def _taken_in(
    client: Client, sent: types.Upload, order: Order | None, *, wait: bool, json: bool
) -> dict[str, Any]:
    """Tell what became of a file; return its item, its tagging and what was begun on it."""
    item = client.item(str(sent.item))
    tagging = client.upload_state(sent.id).tagging if wait else None
    job = client.job(tagging) if tagging else None
    if not json:
        say(f"{item.id}  {item.state:<9} {item.name}")
    if job is not None and wait:
        job = follow_job(client, job.id, f"tagging of {item.name}")
        if not json and job.result:
            say(f"  {summary(job.result)}")
    begun = start(client, item, order, wait=wait) if order is not None else None
    if begun is not None and not json:
        tell(begun)
    return {**item.model_dump(mode="json"), "tagging": job, "started": begun}


def _sounds(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(
            file for file in path.rglob("*") if file.suffix.lower() in SOUNDS and file.is_file()
        )
    else:
        yield path


def _send(
    client: Client,
    path: Path,
    kind: types.ItemKind | None,
    stem: types.Stem | None,
    *,
    wait: bool,
) -> types.Upload:
    with bars(bytes_=True) as progress:
        bar = progress.add_task(path.name, total=path.stat().st_size)
        sent = client.upload(
            path,
            kind=kind,
            stem=stem,
            told=lambda done, total: progress.update(bar, completed=done),
        )
    if sent.item is None:
        raise CratedigError(f"{path.name}: the upload ended as {sent.state}")
    if sent.duplicate:
        note(f"{path.name}: the same bytes are there already")
        if stem is not None and client.item(sent.item).stem != stem:
            client.edit_item(sent.item, {"stem": stem})
    if wait and sent.job is not None:
        try:
            follow_job(client, sent.job, path.name)
        except JobFailed as error:
            item = client.item(sent.item)
            reason = item.rejection or str(error)
            raise Refused("rejected", f"{path.name}: {reason}") from error
    return sent


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
        found = client.items(
            q=text, kind=kind, state=state, parent=parent, roots=None if asked else True
        )
        items = list(islice(found, limit))
    if json:
        as_json(items)
    elif items:
        table(("ID", "KIND", "STATE", "LENGTH", "NAME"), map(item_row, items))
    else:
        note("nothing here yet: cratedig upload SONG")


def show(
    item: Annotated[str, typer.Argument(help="Id or name of an item, or id of a job or a run.")],
    files: Annotated[bool, typer.Option("--files", help="Every file, with its id.")] = False,
    json: AsJson = False,
) -> None:
    """Show an item with its files and jobs, or one job or run."""
    with Client() as client:
        seen = find(client, item)
        if json:
            if isinstance(seen, types.Item):
                artifacts = list(client.artifacts(seen.id))
                as_json({**seen.model_dump(mode="json"), "artifacts": artifacts})
            else:
                as_json(seen)
        elif isinstance(seen, types.Item):
            _show_item(client, seen, every=files)
        else:
            tell(seen)


def _show_item(client: Client, item: types.Item, *, every: bool) -> None:
    part = f", {item.stem}" if item.stem and item.stem != item.kind else ""
    say(f"{item.name}\n  {item.id}  {item.kind}{part}, {item.state}")
    if item.rejection:
        say(f"  refused: {item.rejection}")
    if item.audio:
        audio = item.audio
        sound = "mono" if audio.channels == 1 else "stereo"
        say(f"  {length(audio.duration)}, {audio.sample_rate} Hz, {sound}")
    if item.bpm:
        say(f"  {item.bpm:g} BPM")
    for name, value in sorted(item.metadata.items()):
        say(f"  {name}: {value}")
    if heard := heard_as(client, item):
        say(f"  {heard}")
    artifacts = list(client.artifacts(item.id))
    if artifacts:
        say("")
        folders = by_folder(artifacts, labels_of(client, item, artifacts))
        (_list_files if every else _sum_up)(item, folders)
    jobs = [(job.id, job.task, job.state, said(job)) for job in client.jobs(item=item.id)]
    if jobs:
        say("")
        table(("JOB", "TASK", "STATE", ""), jobs)


def _list_files(item: types.Item, folders: dict[Path, list[types.Artifact]]) -> None:
    rows = [
        (one.id, str(folder / file_name(one, item.name)), size(one.size))
        for folder, files in folders.items()
        for one in files
    ]
    table(("FILE", "WHERE GET PUTS IT", "SIZE"), rows)


def _sum_up(item: types.Item, folders: dict[Path, list[types.Artifact]]) -> None:
    """Print a line for each folder: a person reads a dozen lines, not two hundred."""
    rows = []
    for folder, files in folders.items():
        named = list(dict.fromkeys(file_name(one, item.name) for one in files))
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        total = size(sum(one.size for one in files))
        where = "" if folder == Path() else f"{folder}/"
        rows.append((where, str(len(files)), total, ", ".join(named[:SHOWN]) + more))
    table(("FOLDER", "FILES", "SIZE", "NAMES"), rows)
    note(f"ids of the files: cratedig show {item.id} --files; all of them: cratedig get {item.id}")


def edit(
    item: Annotated[str, typer.Argument(help="Id or name of an item.")],
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    kind: Annotated[str | None, typer.Option(help=f"What it is: {', '.join(KINDS)}.")] = None,
    stem: Annotated[
        str | None,
        typer.Option(help=f"The part of a song it holds: {', '.join(STEMS)}, or none."),
    ] = None,
    bpm: Annotated[float | None, typer.Option(help="Its tempo.")] = None,
    json: AsJson = False,
) -> None:
    """Change what is said of an item; what is not given stays."""
    one_of(kind, KINDS, "--kind")
    one_of(stem, (*STEMS, "none"), "--stem")
    given = {"name": name, "kind": kind, "stem": stem, "bpm": bpm}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("nothing to change was given: --name, --kind, --stem or --bpm")
    if stem == "none":
        changes["stem"] = None
    with Client() as client:
        changed = client.edit_item(find_item(client, item).id, changes)
        if json:
            as_json(changed)
        else:
            _show_item(client, changed, every=False)


def rm(
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Delete items with all that was made of them."""
    with Client() as client:
        items = [find_item(client, one) for one in ids]
        names = ", ".join(item.name for item in items)
        if not yes and not typer.confirm(
            f"Delete {names}, with all that was made of it?", err=True
        ):
            raise typer.Abort
        for item in items:
            client.delete_item(item.id)
    if json:
        as_json(items)
    else:
        say(f"Deleted {names}.")
