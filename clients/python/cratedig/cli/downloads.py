"""`get`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args

import typer

from cratedig import Client, NotFoundError, names, types
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.folders import Selection, by_folder, download, item_folder, sample_labels
from cratedig.cli.lookup import find_item, is_id
from cratedig.cli.output import AsJson, check_choice, print_json, print_line, print_note

KINDS = get_args(types.ArtifactKind)
STEMS = get_args(types.Stem)


def get(
    ids: Annotated[list[str], typer.Argument(help="Ids or names of items, or ids of files.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help=f"Only files of this kind; all but peaks by default: {', '.join(KINDS)}"),
    ] = None,
    stem: Annotated[
        list[str] | None, typer.Option(help=f"Only files of this stem: {', '.join(STEMS)}")
    ] = None,
    job: Annotated[list[str] | None, typer.Option(help="Only files of this job.")] = None,
    run: Annotated[list[str] | None, typer.Option(help="Only files of this run.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to put them in.")] = Path(),
    json: AsJson = False,
) -> None:
    """Download files: all of an item, or one by its id.

    An item has a folder of its name, with subfolders by kind. No other file is replaced: one that
    would have the same name gets the end of its job's id.
    """
    for value in kind or ():
        check_choice(value, KINDS, "--kind")
    for value in stem or ():
        check_choice(value, STEMS, "--stem")
    downloaded: list[dict[str, object]] = []
    printed: set[str] = set()
    with Client() as client:
        jobs = {client.jobs.get(id_).id for id_ in job or ()}
        for id_ in run or ():
            jobs |= {job_id for step in client.runs.get(id_).steps for job_id in step.jobs}
        if (job or run) and not jobs:
            raise LookupFailedError(
                "This run has no jobs yet, so it has no files. Try again later."
            )
        selection = Selection(
            kinds=frozenset(kind or ()), stems=frozenset(stem or ()), jobs=frozenset(jobs)
        )
        for name in ids:
            before = len(downloaded)
            for artifact, path in _paths(client, name, selection, output):
                where = str(download(client, artifact, path))
                downloaded.append({**artifact.model_dump(mode="json"), "path": where})
                # Two jobs may have made the same bytes, which are one file.
                if not json and where not in printed:
                    print_line(where)
                printed.add(where)
            if len(downloaded) == before:
                print_note(f"{name}: no such files")
    if not downloaded:
        raise LookupFailedError("No files match. `cratedig show ITEM` lists those of an item.")
    if json:
        print_json(downloaded)


def _paths(
    client: Client, name: str, selection: Selection, output: Path
) -> Iterator[tuple[types.Artifact, Path]]:
    if is_id(name):
        try:
            artifact = client.artifacts.get(name)
        except NotFoundError:
            pass
        else:
            of_item = artifact.subject.kind == "item"
            item = client.items.get(artifact.subject.id) if of_item else None
            yield artifact, output / _lone_name(artifact, item)
            return
    item = find_item(client, name)
    artifacts = list(client.artifacts.list(item.id))
    chosen = [artifact for artifact in artifacts if selection.includes(artifact)]
    if not chosen:
        return
    folder = item_folder(output, item)
    labels = sample_labels(client, item, artifacts)
    for below, files in by_folder(chosen, labels).items():
        for artifact in files:
            yield artifact, folder / below / names.file_name(artifact, item.name)


def _lone_name(artifact: types.Artifact, item: types.Item | None) -> str:
    """Return a name with that of the item, for a file outside the item's folder."""
    if item is None:
        return names.safe_name(artifact.name)
    name = names.file_name(artifact, item.name)
    if artifact.kind == "original":
        return name
    return names.safe_name(f"{names.safe_name(Path(item.name).stem, max_bytes=150)} – {name}")
