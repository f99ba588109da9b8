"""`collection`: ordered lists of items."""

import csv
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from cratedig import Client, credentials, types
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.lookup import find_item, is_id
from cratedig.cli.output import (
    AsJson,
    check_choice,
    item_row,
    print_json,
    print_line,
    print_note,
    print_table,
)
from cratedig.names import safe_name

BUILT_IN = ("favourites", "tray")
ROLES = ("viewer", "editor", "none")
ACCESSES = get_args(types.LinkAccess)
MAX_ITEMS = 500
"""Items that one request adds or removes."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that spreadsheet programs run as a formula."""
Name = Annotated[str, typer.Argument(help="Id or name of a collection, favourites or tray.")]
Items = Annotated[list[str], typer.Argument(help="Ids or names of items.")]

collection = typer.Typer(
    no_args_is_help=True, help="List, create, fill, order, share and delete collections."
)


def find_collection(client: Client, name: str) -> types.Collection:
    """Return the collection with an id or a name, own ones before shared ones.

    Raises
    ------
    LookupFailedError
        There is none, or there are several; the message lists them.
    """
    if is_id(name) or name in BUILT_IN:
        return client.collections.get(name)
    for listed in (client.collections.list(), client.collections.shared()):
        same = [each for each in listed if each.name.casefold() == name.casefold()]
        if len(same) == 1:
            return same[0]
        if same:
            rows = "\n".join(f"  {each.id}  {each.items} items" for each in same[:10])
            raise LookupFailedError(f"Several collections have the name {name!r}:\n{rows}")
    raise LookupFailedError(
        f"No collection has the name {name!r}. `cratedig collection list` lists them."
    )


@collection.command("list")
def list_collections(
    shared: Annotated[
        bool, typer.Option("--shared", help="Those that others share with you.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List collections."""
    with Client() as client:
        listed = list(client.collections.shared() if shared else client.collections.list())
    if json:
        print_json(listed)
    elif listed:
        rows = [(each.id, each.role, str(each.items), each.name) for each in listed]
        print_table(("ID", "ROLE", "ITEMS", "NAME"), rows)
    else:
        print_note("Nobody shares a collection with you.")


@collection.command("create")
def create_collection(
    name: Annotated[str, typer.Argument(help="Its name.")],
    note: Annotated[str, typer.Option(help="A note.")] = "",
    parent: Annotated[
        str | None, typer.Option(help="Id or name of the collection to nest it in.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Create a collection."""
    with Client() as client:
        above = find_collection(client, parent).id if parent else None
        created = client.collections.create(name, note=note, parent=above)
    if json:
        print_json(created)
    else:
        print_line(f"{created.id}  {created.name}")


@collection.command("add")
def add_items(
    name: Name,
    items: Items,
    before: Annotated[
        str | None, typer.Option(help="Id or name of the item to insert them before.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Add items, by default at the end; with an item that it holds already, nothing changes."""
    with Client() as client:
        shown = find_collection(client, name)
        ids = [find_item(client, item).id for item in items]
        next_ = find_item(client, before).id if before else None
        for start in range(0, len(ids), MAX_ITEMS):
            some = ids[start : start + MAX_ITEMS]
            shown = client.collections.add(shown.id, some, before=next_)
    _print_collection(shown, json=json)


@collection.command("remove")
def remove_items(name: Name, items: Items, json: AsJson = False) -> None:
    """Remove items from a collection; the items themselves stay."""
    with Client() as client:
        shown = find_collection(client, name)
        ids = [find_item(client, item).id for item in items]
        for start in range(0, len(ids), MAX_ITEMS):
            shown = client.collections.remove(shown.id, ids[start : start + MAX_ITEMS])
    _print_collection(shown, json=json)


@collection.command("show")
def show_collection(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="How many items at most.")] = 100,
    json: AsJson = False,
) -> None:
    """Show a collection with its items in order."""
    with Client() as client:
        shown = find_collection(client, name)
        members = list(islice(client.collections.items(shown.id), limit))
    if json:
        items = [member.model_dump(mode="json") for member in members]
        print_json({"collection": shown.model_dump(mode="json"), "items": items})
        return
    _print_collection(shown, json=False)
    if shown.note:
        print_line(f"  {shown.note}")
    rows = [item_row(member.item) for member in members]
    print_table(("ID", "KIND", "STATE", "LENGTH", "NAME"), rows)
    if shown.items > len(members):
        print_note(f"{shown.items - len(members)} more: --limit {shown.items}")


@collection.command("share")
def share_collection(
    name: Name,
    account: Annotated[
        str | None, typer.Argument(help="Id of an account; without one, a link is created.")
    ] = None,
    role: Annotated[str, typer.Option(help=f"{', '.join(ROLES)}; none ends it.")] = "viewer",
    days: Annotated[int, typer.Option(min=1, max=366, help="How long a link is valid.")] = 30,
    access: Annotated[
        str,
        typer.Option(
            help=f"What a link gives: {', '.join(ACCESSES)}; the last two without an account."
        ),
    ] = "account",
    revoke: Annotated[
        str | None, typer.Option(help="Revoke the link with this id instead.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Share a collection with an account, or create a link.

    A link makes accounts viewers. With --access listen or download, anybody who has it reads the
    collection in a browser, or with `cratedig collection read`.

    `cratedig account show` shows the id of your own account.
    """
    check_choice(role, ROLES, "--role")
    check_choice(access, ACCESSES, "--access")
    with Client() as client:
        shown = find_collection(client, name)
        if revoke is not None:
            client.collections.delete_link(shown.id, revoke)
            result: dict[str, object] = {"id": revoke, "revoked": True}
            text = f"{revoke}  revoked"
        elif account is None:
            link = client.collections.create_link(
                shown.id, days=days, access=cast(types.LinkAccess, access)
            )
            result = link.model_dump(mode="json")
            text = f"{link.secret}"
            if access != "account":
                text = f"{client.credentials.url.rstrip('/')}/shared/{link.secret}"
        elif role == "none":
            client.collections.unshare(shown.id, account)
            result = {"account": account, "role": None}
            text = f"{account}  no longer shared"
        else:
            share = client.collections.share(
                shown.id, account, "editor" if role == "editor" else "viewer"
            )
            result = share.model_dump(mode="json")
            text = f"{account}  {share.role}"
    if json:
        print_json(result)
        return
    print_line(text)
    if account is None and revoke is None:
        how = "cratedig collection open SECRET" if access == "account" else "in a browser"
        print_note(
            f"Valid for {days} days, and not shown again. Others open it: {how}. "
            f"Revoke it: --revoke {result['id']}"
        )


@collection.command("open")
def open_link(
    secret: Annotated[str, typer.Argument(help="The secret of a link.")], json: AsJson = False
) -> None:
    """Open a link that somebody shared: you become a viewer of its collection."""
    with Client() as client:
        shown = client.collections.open_link(secret)
    _print_collection(shown, json=json)


@collection.command("read")
def read_link(
    link: Annotated[str, typer.Argument(help="Address or secret of a link.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Download the items into this folder.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show a collection that somebody shared by a link, and download it; no account is needed."""
    address, is_address, secret = link.rpartition("/shared/")
    stored = credentials.Credentials(url=address) if is_address else credentials.load()
    with Client(replace(stored, access_token="", refresh_token="")) as client:
        shown = client.shared_links.get(secret)
        items = list(client.shared_links.items(secret))
        if json:
            rows = [item.model_dump(mode="json") for item in items]
            print_json({"collection": shown.model_dump(mode="json"), "items": rows})
        else:
            print_line(f"{shown.name}  {shown.items} items")
            lengths = [f"{item.audio.duration:.1f} s" if item.audio else "-" for item in items]
            table = [
                (item.id, item.kind, length, item.name)
                for item, length in zip(items, lengths, strict=True)
            ]
            print_table(("ID", "KIND", "LENGTH", "NAME"), table)
        if output is not None:
            _save_items(client, secret, items, output)


def _save_items(
    client: Client, secret: str, items: Iterable[types.SharedItem], folder: Path
) -> None:
    """Download items; their number in the collection keeps equal names apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(items, 1):
        name = item.name if Path(item.name).suffix else f"{item.name}.flac"
        client.shared_links.save(secret, item.id, folder / safe_name(f"{number:03} {name}"))


@collection.command("clearance")
def clearance(name: Name, json: AsJson = False) -> None:
    """Print the clearance sheet as CSV: licence and source of each item."""
    with Client() as client:
        shown = find_collection(client, name)
        rows = [row.model_dump(mode="json") for row in client.collections.clearance(shown.id)]
    if json:
        print_json(rows)
        return
    writer = csv.writer(sys.stdout)
    columns = list(types.Clearance.model_fields)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])


@collection.command("delete")
def delete_collection(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Delete a collection. Its items stay, and nested collections move up."""
    with Client() as client:
        shown = find_collection(client, name)
        if not yes and not typer.confirm(f"Delete {shown.name}? Its items stay.", err=True):
            raise typer.Abort
        client.collections.delete(shown.id)
    if json:
        print_json(shown)
    else:
        print_line(f"Deleted {shown.name}.")


def _print_collection(shown: types.Collection, *, json: bool) -> None:
    if json:
        print_json(shown)
    else:
        print_line(f"{shown.id}  {shown.name}  {shown.items} items")


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
