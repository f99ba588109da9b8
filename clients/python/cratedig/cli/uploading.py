"""`upload`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from cratedig import Client, CratedigError, JobFailedError, types
from cratedig.cli.errors import RejectedError, exit_code
from cratedig.cli.following import follow_job, print_work
from cratedig.cli.multitracks import parse_parts, upload_multitrack
from cratedig.cli.output import (
    AsJson,
    check_choice,
    print_error,
    print_json,
    print_line,
    print_note,
    progress_bars,
)
from cratedig.cli.submission import Params, Priority, Starter, Submission
from cratedig.cli.tags import summary

EXTENSIONS = frozenset(
    {".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff"}
    | {".aifc", ".w64", ".caf", ".mp4", ".mov", ".mkv", ".webm"}
)
"""Files that are uploaded from a folder. A file that is named is uploaded in any case."""
KINDS = get_args(types.ItemKind)
STEMS = get_args(types.Stem)


def upload(
    paths: Annotated[
        list[str],
        typer.Argument(help="Files or folders; with --multitrack STEM=FILE of each stem."),
    ],
    kind: Annotated[str | None, typer.Option(help=f"What they are: {', '.join(KINDS)}.")] = None,
    stem: Annotated[
        str | None, typer.Option(help=f"The part of a song they hold: {', '.join(STEMS)}.")
    ] = None,
    multitrack: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Make one song of your own stems, with this name."),
    ] = None,
    run: Annotated[str | None, typer.Option(help="A pipeline or a task to run on each.")] = None,
    param: Params = None,
    priority: Priority = "interactive",
    wait: Annotated[bool, typer.Option(help="Wait until they are in the catalogue.")] = True,
    json: AsJson = False,
) -> None:
    """Upload songs and samples, and wait until they are in the catalogue."""
    check_choice(kind, KINDS, "--kind")
    check_choice(stem, STEMS, "--stem")
    submission = Submission.parse(run, param, priority, force=False) if run is not None else None
    if multitrack is not None:
        _upload_song(multitrack, paths, submission, wait=wait, json=json)
        return
    files = [file for path in paths for file in _audio_files(_existing(path))]
    if not files:
        text = f"No audio files in these folders. Looked for {', '.join(sorted(EXTENSIONS))}."
        raise typer.BadParameter(text, param_hint="PATHS")
    done: list[dict[str, Any]] = []
    failed = 0
    with Client() as client:
        for path in files:
            try:
                uploaded = _upload(
                    client,
                    path,
                    cast(types.ItemKind | None, kind),
                    cast(types.Stem | None, stem),
                    wait=wait,
                )
                done.append(_finish(client, uploaded, submission, wait=wait, json=json))
            except CratedigError as error:
                if len(files) == 1:
                    raise
                print_error(error, exit_code(error), subject=str(path), json_=json)
                failed += 1
    if json:
        print_json(done)
    if failed:
        raise CratedigError(f"{failed} of {len(files)} files failed. The lines above say why.")


def _upload_song(
    name: str, paths: list[str], submission: Submission | None, *, wait: bool, json: bool
) -> None:
    """Upload the stems of a song, and print the song."""
    parts = parse_parts(paths)
    with Client() as client:

        def upload_part(path: Path, stem: types.Stem) -> types.Upload:
            return _upload(client, path, "stem", stem, wait=True)

        item = upload_multitrack(client, name, parts, upload_part)
        if not json:
            print_line(f"{item.id}  {item.state:<9} {item.name}")
        started = _start(client, item, submission, wait=wait, json=json)
    if json:
        print_json({**item.model_dump(mode="json"), "started": started})


def _existing(name: str) -> Path:
    path = Path(name)
    if not path.exists():
        raise typer.BadParameter(f"Path {name!r} does not exist.", param_hint="PATHS")
    return path


def _finish(
    client: Client,
    uploaded: types.Upload,
    submission: Submission | None,
    *,
    wait: bool,
    json: bool,
) -> dict[str, Any]:
    """Print the item of an upload, its tags and what was started on it; return them."""
    item = client.items.get(str(uploaded.item))
    tagging = client.uploads.get(uploaded.id).tagging if wait else None
    if not json:
        print_line(f"{item.id}  {item.state:<9} {item.name}")
    job = follow_job(client, tagging, f"tagging of {item.name}") if tagging else None
    if job is not None and job.result and not json:
        print_line(f"  {summary(job.result)}")
    started = _start(client, item, submission, wait=wait, json=json)
    return {**item.model_dump(mode="json"), "tagging": job, "started": started}


def _start(
    client: Client, item: types.Item, submission: Submission | None, *, wait: bool, json: bool
) -> types.Job | types.Run | None:
    """Start what is to run on an item, print it, and return it."""
    if submission is None:
        return None
    started = Starter(client, submission).run(item, wait=wait)
    if not json:
        print_work(started)
    return started


def _audio_files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(
            file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS and file.is_file()
        )
    else:
        yield path


def _upload(
    client: Client,
    path: Path,
    kind: types.ItemKind | None,
    stem: types.Stem | None,
    *,
    wait: bool,
) -> types.Upload:
    with progress_bars(bytes_=True) as progress:
        bar = progress.add_task(path.name, total=path.stat().st_size)
        uploaded = client.uploads.file(
            path,
            kind=kind,
            stem=stem,
            on_progress=lambda done, total: progress.update(bar, completed=done),
        )
    if uploaded.item is None:
        raise CratedigError(f"{path.name}: the upload was {uploaded.state}. Upload the file again.")
    if uploaded.duplicate:
        print_note(f"{path.name}: the same bytes are in the catalogue already")
        if stem is not None and client.items.get(uploaded.item).stem != stem:
            client.items.update(uploaded.item, stem=stem)
    if wait and uploaded.job is not None:
        try:
            follow_job(client, uploaded.job, path.name)
        except JobFailedError as error:
            reason = client.items.get(uploaded.item).rejection or str(error)
            raise RejectedError(f"{path.name}: {reason}") from error
    return uploaded
