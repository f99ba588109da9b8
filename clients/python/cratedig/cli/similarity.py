"""`similar` and `duplicates`."""

from itertools import islice
from typing import Annotated

import typer

from cratedig import Client, types
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, format_length, print_json, print_note, print_table


def similar(
    item: Annotated[str, typer.Argument(help="Id or name of an item.")],
    text: Annotated[
        str, typer.Argument(help="Filters, such as: class:snare len:<0.5. docs/search.md has all.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 20,
    json: AsJson = False,
) -> None:
    """List the items that sound most like an item, and what differs."""
    with Client() as client:
        sounds = client.similarity.find(find_item(client, item).id, q=text, page_size=limit)
    if json:
        print_json(sounds)
    elif sounds.items:
        columns = ("ID", "DISTANCE", "TIMBRE", "PITCH", "ENVELOPE", "CLASS", "LENGTH", "NAME")
        print_table(columns, map(_row, sounds.items))
    elif sounds.missing:
        print_note("This item is not tagged yet. Tag it first: cratedig run ITEM tagging")
    else:
        print_note("No items match.")


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
        *map(_share, (aspects.timbre, aspects.pitch, aspects.envelope)),
        (hit.sound_class or hit.item.kind).replace("_", " "),
        format_length(audio.duration if audio else None),
        hit.item.name,
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
