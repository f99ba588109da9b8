"""`get`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args

import typer

from cratedig import names, types
from cratedig.cli.fetching import Wanted, by_folder, fetch, item_folder, labels_of
from cratedig.cli.finding import find_item, is_id
from cratedig.cli.output import AsJson, as_json, note, one_of, say
from cratedig.client import Client
from cratedig.errors import NotFound

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
    job: Annotated[list[str] | None, typer.Option(help="Only what this job made.")] = None,
    run: Annotated[list[str] | None, typer.Option(help="Only what this run made.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to put them in.")] = Path(),
    json: AsJson = False,
) -> None:
    """Fetch files: one by its id, or an item's.

    An item's files lie in a folder of its name, by what they are. No other file is replaced: what
    has the same name gets the end of its job's id.
    """
    for one in kind or ():
        one_of(one, KINDS, "--kind")
    for one in stem or ():
        one_of(one, STEMS, "--stem")
    fetched: list[dict[str, object]] = []
    told: set[str] = set()
    with Client() as client:
        jobs = {client.job(one).id for one in job or ()}
        for one in run or ():
            jobs |= {done for step in client.run(one).steps for done in step.jobs}
        if (job or run) and not jobs:
            raise NotFound("not_found", "this run has no jobs yet, so there is nothing to fetch")
        wanted = Wanted(
            kinds=frozenset(kind or ()), stems=frozenset(stem or ()), jobs=frozenset(jobs)
        )
        for one in ids:
            before = len(fetched)
            for artifact, path in _paths(client, one, wanted, output):
                where = str(fetch(client, artifact, path))
                fetched.append({**artifact.model_dump(mode="json"), "path": where})
                # Work that was done again may have made the same bytes.
                if not json and where not in told:
                    say(where)
                told.add(where)
            if len(fetched) == before:
                note(f"{one}: there are no such files")
    if not fetched:
        raise NotFound("not_found", "nothing was fetched; `cratedig show ITEM` lists what is there")
    if json:
        as_json(fetched)


def _paths(
    client: Client, one: str, wanted: Wanted, output: Path
) -> Iterator[tuple[types.Artifact, Path]]:
    if is_id(one):
        try:
            artifact = client.artifact(one)
        except NotFound:
            pass
        else:
            of_item = artifact.subject.kind == "item"
            item = client.item(artifact.subject.id) if of_item else None
            yield artifact, output / _alone(artifact, item)
            return
    item = find_item(client, one)
    artifacts = list(client.artifacts(item.id))
    chosen = [artifact for artifact in artifacts if wanted.takes(artifact)]
    if not chosen:
        return
    folder = item_folder(output, item)
    labels = labels_of(client, item, artifacts)
    for below, files in by_folder(chosen, labels).items():
        for artifact in files:
            yield artifact, folder / below / names.file_name(artifact, item.name)


def _alone(artifact: types.Artifact, item: types.Item | None) -> str:
    """Return a name that says of which item a file is, for one that lies in no folder of it."""
    if item is None:
        return names.safe_name(artifact.name)
    named = names.file_name(artifact, item.name)
    if artifact.kind == "original":
        return named
    return names.safe_name(f"{names.safe_name(Path(item.name).stem, most=150)} – {named}")
