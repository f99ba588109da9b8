"""`tag`, `favourite`, `rate`: what a user notes about items."""

from itertools import islice
from typing import Annotated

import typer

from cratedig import Client, types
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, print_json, print_line, print_note, print_table

tag = typer.Typer(no_args_is_help=True, help="Add, remove, list and teach custom tags.")


@tag.command("add")
def add_tag(
    name: Annotated[str, typer.Argument(help="The tag.")],
    items: Annotated[list[str], typer.Argument(help="Ids or names of items.")],
    json: AsJson = False,
) -> None:
    """Add a tag to items; one that they have keeps its spelling."""
    with Client() as client:
        matches = [find_item(client, item) for item in items]
        _print_items([client.tags.add(item.id, name) for item in matches], json=json)


@tag.command("remove")
def remove_tag(
    name: Annotated[str, typer.Argument(help="The tag; case and accents do not matter.")],
    items: Annotated[list[str], typer.Argument(help="Ids or names of items.")],
    json: AsJson = False,
) -> None:
    """Remove a tag from items."""
    with Client() as client:
        matches = [find_item(client, item) for item in items]
        for item in matches:
            client.tags.remove(item.id, name)
        _print_items([client.items.get(item.id) for item in matches], json=json)


@tag.command("list")
def list_tags(
    text: Annotated[str, typer.Argument(help="Only tags that begin with this text.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    json: AsJson = False,
) -> None:
    """List tags in alphabetical order, with how many items have each."""
    with Client() as client:
        counts = list(islice(client.tags.list(q=text or None), limit))
    if json:
        print_json(counts)
    elif counts:
        print_table(("TAG", "ITEMS"), [(count.name, str(count.items)) for count in counts])
    else:
        print_note("No tags. Add one: cratedig tag add TAG ITEM")


def favourite(
    items: Annotated[list[str], typer.Argument(help="Ids or names of items.")],
    remove: Annotated[bool, typer.Option("--remove", help="Clear the mark.")] = False,
    json: AsJson = False,
) -> None:
    """Set the favourite mark of items, or clear it."""
    with Client() as client:
        matches = [find_item(client, item) for item in items]
        for item in matches:
            (client.items.unfavourite if remove else client.items.favourite)(item.id)
        _print_items([client.items.get(item.id) for item in matches], json=json)


def rate(
    rating: Annotated[str, typer.Argument(help="0 to 5, or none.")],
    items: Annotated[list[str], typer.Argument(help="Ids or names of items.")],
    json: AsJson = False,
) -> None:
    """Rate items."""
    if rating not in ("none", *"012345"):
        raise typer.BadParameter(f"{rating!r} is not a rating. Give 0 to 5, or none.")
    value = None if rating == "none" else int(rating)
    with Client() as client:
        matches = [find_item(client, item) for item in items]
        _print_items([client.items.update(item.id, rating=value) for item in matches], json=json)


def describe_marks(item: types.Item) -> str:
    """Return the mark, rating and tags of an item on one line; empty if it has none."""
    parts = ["favourite"] if item.favourite else []
    if item.rating is not None:
        parts.append(f"rated {item.rating} of 5")
    if item.tags:
        parts.append("tags: " + ", ".join(tag.name for tag in item.tags))
    return "; ".join(parts)


def _print_items(items: list[types.Item], *, json: bool) -> None:
    if json:
        print_json(items)
    else:
        for item in items:
            print_line(f"{item.name}  {describe_marks(item) or 'no tags, no rating'}")
