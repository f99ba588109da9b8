"""`rm`, `restore`, `hidden`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cratedig import Client, types
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, print_json, print_line, print_note, print_table


def rm(
    ids: Annotated[list[str], typer.Argument(help="Ids, or names of items.")],
    permanently: Annotated[
        bool, typer.Option("--permanently", help="At once, so that they cannot be restored.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Delete items with everything that was cut from them; `restore` undoes it for 30 days."""
    with Client() as client:
        items = [_find(client, name, hidden=permanently) for name in ids]
        names = ", ".join(item.name for item in items)
        how = " for good" if permanently else ""
        question = f"Delete {names}{how}, with all results and everything that was cut from it?"
        if not yes and not typer.confirm(question, err=True):
            raise typer.Abort
        for item in items:
            client.items.delete(item.id, permanently=permanently or None)
    if json:
        print_json(items)
    elif permanently:
        print_line(f"Deleted {names} for good.")
    else:
        undo = " ".join(item.id for item in items)
        print_line(f"Deleted {names}. Undo it within 30 days: cratedig restore {undo}")


def restore(
    ids: Annotated[list[str], typer.Argument(help="Ids, or names of deleted items.")],
    json: AsJson = False,
) -> None:
    """Restore deleted items with everything that was hidden with them."""
    with Client() as client:
        listed = list(client.items.hidden())
        chosen = [_find_hidden(listed, name) for name in ids]
        items = [client.items.restore(item.id) for item in chosen]
    if json:
        print_json(items)
    else:
        print_line(f"Restored {', '.join(item.name for item in items)}.")


def hidden(json: AsJson = False) -> None:
    """List deleted items that can be restored, and when they are deleted for good."""
    with Client() as client:
        listed = list(client.items.hidden())
    if json:
        print_json(listed)
    elif listed:
        rows = [
            (row.item.id, row.item.kind, f"until {row.deleted_for_good_at:%Y-%m-%d}", row.item.name)
            for row in listed
        ]
        print_table(("ID", "KIND", "RESTORABLE", "NAME"), rows)
        print_note("Restore one: cratedig restore ID; delete it now: cratedig rm --permanently ID")
    else:
        print_note("No deleted items.")


def _find(client: Client, name: str, *, hidden: bool) -> types.Item:
    """Return the item with an id or a name, among hidden ones too. Raises `LookupFailedError`."""
    try:
        return find_item(client, name)
    except LookupFailedError:
        if not hidden:
            raise
        return _find_hidden(list(client.items.hidden()), name)


def _find_hidden(listed: Sequence[types.HiddenItem], name: str) -> types.Item:
    """Return the deleted item with an id or a name. Raises `LookupFailedError`."""
    same = [
        row.item
        for row in listed
        if name == row.item.id or name.casefold() in _names(row.item.name)
    ]
    if len(same) == 1:
        return same[0]
    if same:
        raise LookupFailedError(
            f"Several deleted items have the name {name!r}. Use an id: "
            + ", ".join(item.id for item in same[:10])
        )
    raise LookupFailedError(f"No deleted item has the name {name!r}. `cratedig hidden` lists them.")


def _names(name: str) -> tuple[str, str]:
    """Return the names that an item answers to: whole, and without its extension."""
    whole = name.casefold()
    return whole, whole.rpartition(".")[0] or whole
