"""`pack`, `import` and `imports`."""

from pathlib import Path
from typing import Annotated, cast, get_args
from urllib.parse import urlsplit

import typer

from cratedig import Client, types
from cratedig.cli.errors import RejectedError
from cratedig.cli.exporting import export
from cratedig.cli.output import (
    AsJson,
    check_choice,
    print_json,
    print_line,
    print_note,
    print_table,
    progress_bars,
)

KINDS = get_args(types.ItemKind)
pack = typer.Typer(help="Sample packs as ZIP archives.", no_args_is_help=True)
Kind = Annotated[str | None, typer.Option(help=f"What they are: {', '.join(KINDS)}.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag for every new item.")]
Collection = Annotated[
    str | None, typer.Option(help="Id of a collection to add them to; otherwise a new one.")
]
Wait = Annotated[bool, typer.Option(help="Wait until every file has an outcome.")]


@pack.command("in")
def pack_in(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A ZIP archive.")],
    collection: Collection = None,
    kind: Kind = None,
    tag: Tags = None,
    wait: Wait = True,
    json: AsJson = False,
) -> None:
    """Import a pack: each sound becomes an item, folders become tags, its licence the rights."""
    check_choice(kind, KINDS, "--kind")
    with Client() as client:
        with progress_bars(bytes_=True) as progress:
            bar = progress.add_task(path.name, total=path.stat().st_size)
            created = client.imports.pack(
                path,
                collection=collection,
                kind=cast(types.ItemKind | None, kind),
                tags=tag or (),
                on_progress=lambda done, total: progress.update(bar, completed=done),
            )
        _report(client, created, wait=wait, json=json)


@pack.command("out")
def pack_out(
    collection: Annotated[str, typer.Argument(help="Id or name of a collection.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to put it in.")] = Path(),
    json: AsJson = False,
) -> None:
    """Write a collection as a pack that `pack in` reads with names, tags and rights."""
    export("samples", collection, output=output, param=["samples.format=flac"], json=json)


def import_from(
    reference: Annotated[str, typer.Argument(help="A web address, or an id of the provider.")],
    provider: Annotated[
        str | None, typer.Option(help="http, podcast, archive, freesound, or another one.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="CRATEDIG_PROVIDER_KEY", help="Your API key of the provider."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many files.")] = None,
    collection: Collection = None,
    kind: Kind = None,
    tag: Tags = None,
    wait: Wait = True,
    json: AsJson = False,
) -> None:
    """Import a file, a podcast, an item of archive.org or sounds of freesound.org by its address.

    Without --provider the address decides: archive.org and freesound.org are known, an address
    that ends with .xml or .rss is a podcast, and any other is one file.
    """
    check_choice(kind, KINDS, "--kind")
    with Client() as client:
        created = client.imports.create(
            provider or provider_of(reference),
            reference,
            key=key,
            max_files=limit,
            collection=collection,
            kind=cast(types.ItemKind | None, kind),
            tags=tag or (),
        )
        _report(client, created, wait=wait, json=json)


def imports(
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    json: AsJson = False,
) -> None:
    """List imports, newest first."""
    with Client() as client:
        pages = client.imports.list(page_size=min(limit, 200))
        listed = [each for each, _ in zip(pages, range(limit), strict=False)]
    if json:
        print_json(listed)
        return
    rows = [(each.id, each.provider, each.state, _counts(each), each.title) for each in listed]
    print_table(("id", "provider", "state", "files", "title"), rows)


def provider_of(reference: str) -> str:
    """Return the provider that an address is for."""
    parts = urlsplit(reference)
    host = (parts.hostname or "").removeprefix("www.")
    if host in ("archive.org", "freesound.org"):
        return host.removesuffix(".org")
    return "podcast" if parts.path.lower().endswith((".xml", ".rss")) else "http"


def _report(client: Client, created: types.Import, *, wait: bool, json: bool) -> None:
    """Print what became of an import and of the files that were not taken."""
    if wait:
        with progress_bars(bytes_=False) as progress:
            bar = progress.add_task(created.title or created.provider, total=1.0)

            def update(import_: types.Import) -> None:
                counts = import_.files
                share = 1 - counts.waiting / counts.total if counts.total else 0.0
                progress.update(bar, completed=share)

            created = client.imports.wait(created.id, on_progress=update)
    if created.state == "failed":
        raise RejectedError(created.failure or "The import failed.")
    if json:
        print_json(created)
        return
    print_line(f"{created.id}  {created.state}  {_counts(created)}  {created.title}")
    if created.collection is not None:
        print_line(f"Collection: {created.collection}")
    for file in client.imports.files(created.id):
        if file.reason and file.state != "skipped":
            print_note(f"{file.name}: {file.reason}")


def _counts(import_: types.Import) -> str:
    counts = import_.files
    known = {"added": counts.added, "duplicate": counts.duplicate, "refused": counts.refused}
    known |= {"skipped": counts.skipped, "waiting": counts.waiting}
    return ", ".join(f"{count} {name}" for name, count in known.items() if count) or "no files"
