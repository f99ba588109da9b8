"""`similar` and `duplicates`."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from cratedig import Client, types
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, format_length, print_json, print_note, print_table

DIALS = ("timbre", "pitch", "rhythm", "envelope", "loudness")
_LESS_LIKE = -0.5
"""Weight of an item that results should not sound like."""


def similar(
    sound: Annotated[str, typer.Argument(help="A file of at most 30 s, or an item's id or name.")],
    text: Annotated[
        list[str] | None,
        typer.Argument(help="Filters, such as: class:snare len:<0.5. docs/search.md has all."),
    ] = None,
    dial: Annotated[
        list[str] | None,
        typer.Option(
            help="How much an aspect counts, 0 to 1, such as pitch=1. Aspects: "
            + ", ".join(DIALS)
            + ". Without dials the timbre alone counts.",
            metavar="ASPECT=NUMBER",
        ),
    ] = None,
    minus: Annotated[
        list[str] | None, typer.Option(help="An item that results should not sound like.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 20,
    json: AsJson = False,
) -> None:
    """List the items that sound most like a file or an item, and what differs.

    A file is sent to search by and is not kept.
    """
    dials = dict(map(_read_dial, dial or ()))
    with Client() as client, _sought(client, sound) as (items, query_sounds):
        less = {find_item(client, name).id: _LESS_LIKE for name in minus or ()}
        sounds = client.similarity.search(
            less | items,
            query_sounds=query_sounds,
            q=" ".join(text or ()),
            dials=dials,
            page_size=limit,
        )
    if json:
        print_json(sounds)
    elif sounds.items:
        columns = ("ID", "DISTANCE", *map(str.upper, DIALS), "CLASS", "LENGTH", "NAME")
        print_table(columns, map(_row, sounds.items))
    elif sounds.missing:
        print_note("This item is not tagged yet. Tag it first: cratedig run ITEM tagging")
    else:
        print_note("No items match.")


@contextmanager
def _sought(client: Client, sound: str) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Yield the item or the query sound to be like, by id; a query sound is removed afterwards."""
    path = Path(sound)
    if not path.is_file():
        yield {find_item(client, sound).id: 1.0}, {}
        return
    sent = client.query_sounds.file(path)
    if isinstance(sent, types.Upload):
        print_note("An item of yours has the same bytes; this searches by it.")
        yield {str(sent.item): 1.0}, {}
        return
    try:
        if sent.state == "failed":
            raise LookupFailedError(f"Cannot search by {sound}: {sent.reason}")
        if sent.state == "waiting":
            raise LookupFailedError(
                f"{sound} is not described yet: the server is busy, or has no tagging worker. Try "
                "again."
            )
        yield {}, {sent.id: 1.0}
    finally:
        client.query_sounds.delete(sent.id)


def _read_dial(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if name not in DIALS or not 0 <= value <= 1:
        raise typer.BadParameter(
            f"`{text}` is no dial. Write ASPECT=NUMBER with a number from 0 to 1 and one of: "
            + ", ".join(DIALS),
            param_hint="--dial",
        )
    return name, value


def duplicates(
    limit: Annotated[int, typer.Option(min=1, help="How many groups at most.")] = 50,
    json: AsJson = False,
) -> None:
    """List items with the same sound. Nothing is deleted."""
    with Client() as client:
        groups = list(islice(client.similarity.duplicates(page_size=min(limit, 200)), limit))
    if json:
        print_json(groups)
    elif groups:
        rows = [
            (str(number), "exact" if group.exact else "near", member.item.id, member.item.name)
            for number, group in enumerate(groups, start=1)
            for member in group.items
        ]
        print_table(("GROUP", "KIND", "ID", "NAME"), rows)
    else:
        print_note("No duplicates are known.")


def _row(sound: types.SimilarSound) -> tuple[str, ...]:
    hit, aspects = sound.hit, sound.aspects
    audio = hit.item.audio
    return (
        hit.item.id,
        f"{sound.distance:.3f}",
        *(_share(getattr(aspects, name)) for name in DIALS),
        (hit.sound_class or hit.item.kind).replace("_", " "),
        format_length(audio.duration if audio else None),
        hit.item.name,
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
