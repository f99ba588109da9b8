"""`map`: layouts of sounds in two dimensions."""

from typing import Annotated

import typer

from cratedig import Client, types
from cratedig.cli.collections import find_collection
from cratedig.cli.output import AsJson, print_json, print_line, print_note, print_table

Name = Annotated[str, typer.Argument(help="Name of a map.")]

maps = typer.Typer(no_args_is_help=True, help="List, create and delete maps of samples.")


@maps.command("list")
def list_maps(json: AsJson = False) -> None:
    """List maps."""
    with Client() as client:
        listed = client.maps.list()
    if json:
        print_json(listed)
    elif listed:
        print_table(("NAME", "STATE", "POINTS", "QUALITY"), map(_row, listed))
    else:
        print_note("There are no maps. Create one: cratedig map create NAME")


@maps.command("create")
def create_map(
    name: Name,
    collection: Annotated[
        str | None, typer.Option(help="Id or name of a collection; by default all samples.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives another layout.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Compute its layout again.")] = False,
    json: AsJson = False,
) -> None:
    """Create a map, or change what it shows. The server computes it in the background."""
    with Client() as client:
        of = find_collection(client, collection).id if collection else None
        shown = client.maps.put(name, collection=of, seed=seed, again=again)
    if json:
        print_json(shown)
    else:
        print_line(f"{shown.name}  {shown.state}")


@maps.command("delete")
def delete_map(name: Name, json: AsJson = False) -> None:
    """Delete a map; its sounds stay."""
    with Client() as client:
        client.maps.delete(name)
    if json:
        print_json({"deleted": name})
    else:
        print_note(f"Deleted the map {name}.")


def _row(each: types.Map) -> tuple[str, ...]:
    quality = "" if each.trustworthiness is None else f"{each.trustworthiness:.3f}"
    return (each.name, each.reason or each.state, str(each.points), quality)
