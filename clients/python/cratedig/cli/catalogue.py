"""`ls`, `show`, `edit`."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.bulk_edit import edit_from_csv, edit_from_json, edit_many
from cratedig.cli.folders import by_folder, sample_labels
from cratedig.cli.following import describe, print_work
from cratedig.cli.lookup import find, find_item
from cratedig.cli.marking import describe_marks
from cratedig.cli.output import (
    AsJson,
    check_choice,
    format_length,
    format_size,
    item_row,
    print_json,
    print_line,
    print_note,
    print_table,
)
from cratedig.cli.tags import sample_class
from cratedig.names import file_name

KINDS = get_args(types.ItemKind)
STEMS = get_args(types.Stem)
MAX_NAMES = 4
"""Names of files that are shown of each folder."""


def ls(
    text: Annotated[
        str | None, typer.Argument(help="Only items with these words in the name or metadata.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    parent: Annotated[str | None, typer.Option(help="Only what was cut from this item.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also what was cut from other items.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    json: AsJson = False,
) -> None:
    """List items, newest first. Without options, leave out what was cut from other items."""
    filtered = everything or any((text, kind, parent))
    with Client() as client:
        listed = client.items.list(
            q=text,
            kind=cast(types.ItemKind | None, kind),
            state=cast(types.ItemState | None, state),
            parent=parent,
            roots=None if filtered else True,
        )
        items = list(islice(listed, limit))
    if json:
        print_json(items)
    elif items:
        print_table(("ID", "KIND", "STATE", "LENGTH", "NAME"), map(item_row, items))
    elif filtered or state:
        print_note("No items match.")
    else:
        print_note("No items yet. Upload one: cratedig upload SONG")


def show(
    item: Annotated[str, typer.Argument(help="Id or name of an item, or id of a job or a run.")],
    files: Annotated[bool, typer.Option("--files", help="Every file, with its id.")] = False,
    json: AsJson = False,
) -> None:
    """Show an item with its files and jobs, or one job or run."""
    with Client() as client:
        entity = find(client, item)
        if json:
            if isinstance(entity, types.Item):
                artifacts = list(client.artifacts.list(entity.id))
                print_json({**entity.model_dump(mode="json"), "artifacts": artifacts})
            else:
                print_json(entity)
        elif isinstance(entity, types.Item):
            _print_item(client, entity, every_file=files)
        else:
            print_work(entity)


def _print_item(client: Client, item: types.Item, *, every_file: bool) -> None:
    stem = f", {item.stem}" if item.stem and item.stem != item.kind else ""
    print_line(f"{item.name}\n  {item.id}  {item.kind}{stem}, {item.state}")
    if item.rejection:
        print_line(f"  rejected: {item.rejection}")
    if item.audio:
        audio = item.audio
        channels = "mono" if audio.channels == 1 else "stereo"
        print_line(f"  {format_length(audio.duration)}, {audio.sample_rate} Hz, {channels}")
    if item.bpm:
        print_line(f"  {item.bpm:g} BPM")
    if marks := describe_marks(item):
        print_line(f"  {marks}")
    for name, value in sorted(item.metadata.items()):
        print_line(f"  {name}: {value}")
    if label := sample_class(client, item):
        print_line(f"  {label}")
    artifacts = list(client.artifacts.list(item.id))
    if artifacts:
        print_line("")
        folders = by_folder(artifacts, sample_labels(client, item, artifacts))
        (_print_files if every_file else _print_folders)(item, folders)
    jobs = [(job.id, job.task, job.state, describe(job)) for job in client.jobs.list(item=item.id)]
    if jobs:
        print_line("")
        print_table(("JOB", "TASK", "STATE", ""), jobs)


def _print_files(item: types.Item, folders: dict[Path, list[types.Artifact]]) -> None:
    rows = [
        (file.id, str(folder / file_name(file, item.name)), format_size(file.size))
        for folder, files in folders.items()
        for file in files
    ]
    print_table(("FILE", "PATH OF A DOWNLOAD", "SIZE"), rows)


def _print_folders(item: types.Item, folders: dict[Path, list[types.Artifact]]) -> None:
    """Print a line for each folder: a song with samples has hundreds of files."""
    rows = []
    for folder, files in folders.items():
        file_names = list(dict.fromkeys(file_name(file, item.name) for file in files))
        more = f" and {len(file_names) - MAX_NAMES} more" if len(file_names) > MAX_NAMES else ""
        total = format_size(sum(file.size for file in files))
        where = "" if folder == Path() else f"{folder}/"
        rows.append((where, str(len(files)), total, ", ".join(file_names[:MAX_NAMES]) + more))
    print_table(("FOLDER", "FILES", "SIZE", "NAMES"), rows)
    print_note(
        f"Download all files: cratedig get {item.id}; list their ids: "
        f"cratedig show {item.id} --files"
    )


def edit(
    item: Annotated[str | None, typer.Argument(help="Id or name of an item.")] = None,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    kind: Annotated[str | None, typer.Option(help=f"What it is: {', '.join(KINDS)}.")] = None,
    stem: Annotated[
        str | None,
        typer.Option(help=f"The part of a song it holds: {', '.join(STEMS)}, or none."),
    ] = None,
    bpm: Annotated[float | None, typer.Option(help="Its tempo.")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", "-m", help="NAME=VALUE, such as artist=Ann; NAME= removes it."),
    ] = None,
    tag_encoding: Annotated[
        str | None,
        typer.Option(help="Read the tags of its file again in this encoding, such as cp1251."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Change many items: a CSV file with the columns item, add_tags, remove_tags, "
            "favourite, rating, kind, stem, collections, metadata.NAME. An empty cell keeps a "
            "value, - clears it.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    edits: Annotated[
        Path | None,
        typer.Option(
            help="Change many items: a JSON file with a list of edits, as in the API.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Change the name, kind, stem, tempo or metadata of an item, or many items from a file."""
    if csv is not None or edits is not None:
        if item is not None or (csv is not None and edits is not None):
            raise typer.BadParameter("Give an item, --csv or --edits, and only one of them.")
        with Client() as client:
            changes_of = edit_from_csv(client, csv) if csv else edit_from_json(cast(Path, edits))
            edit_many(client, changes_of, json=json)
        return
    if item is None:
        raise typer.BadParameter("Name an item, or a file with --csv or --edits.")
    check_choice(kind, KINDS, "--kind")
    check_choice(stem, (*STEMS, "none"), "--stem")
    options = {"name": name, "kind": kind, "bpm": bpm, "tag_encoding": tag_encoding}
    changes: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if stem is not None:
        changes["stem"] = None if stem == "none" else stem
    values = dict(map(_parse_metadata, metadata or ()))
    if not changes and not values:
        raise typer.BadParameter(
            "Nothing to change. Give --name, --kind, --stem, --bpm, --metadata or --tag-encoding."
        )
    with Client() as client:
        entity = find_item(client, item)
        if values:
            merged = {**entity.metadata, **values}
            changes["metadata"] = {key: value for key, value in merged.items() if value}
        changed = client.items.update(entity.id, **cast(types.ItemChanges, changes))
        if json:
            print_json(changed)
        else:
            _print_item(client, changed, every_file=False)


def _parse_metadata(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} has no '='. Write NAME=VALUE.", param_hint="--metadata")
    return name, value
