"""`edit --csv` and `edit --edits`: changes of many items, read from a file."""

import csv
import json as json_
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.collections import find_collection
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.lookup import find_item
from cratedig.cli.output import print_json, print_line, print_note

COLUMNS = (
    *("item", "add_tags", "remove_tags", "favourite"),
    *("rating", "kind", "stem", "collections"),
)
METADATA = "metadata."
"""Columns that begin with this set an entry of the metadata: `metadata.licence`."""
CLEAR = "-"
"""A cell that clears a rating, a stem or an entry of the metadata."""
REFUSED = 5
_BATCH = 100
_CHOICES = {
    "rating": (*"012345", CLEAR),
    "kind": get_args(types.ItemKind),
    "stem": (*get_args(types.Stem), CLEAR),
}
_TRUE, _FALSE = ("yes", "true", "1"), ("no", "false", "0")


def edit_from_csv(client: Client, path: Path) -> list[types.ItemsEdit]:
    """Read edits from a CSV file: a line for each item, and empty cells for what stays.

    Raises
    ------
    typer.BadParameter
        A column or a cell has no meaning.
    LookupFailedError
        An item or a collection does not exist; the message names the line.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or ()
        unknown = [n for n in names if n not in COLUMNS and not n.startswith(METADATA)]
        if unknown or "item" not in names:
            expected = f"{', '.join(COLUMNS)} or {METADATA}NAME; `item` is required"
            raise typer.BadParameter(
                f"{path.name}: the columns are {', '.join(names) or 'missing'}. Use {expected}.",
                param_hint="--csv",
            )
        ids: dict[str, str] = {}
        return [_line(client, row, ids, f"{path.name}:{reader.line_num}") for row in reader]


def edit_from_json(path: Path) -> list[types.ItemsEdit]:
    """Read edits from a JSON file: a list of objects as `POST /v1/items/edit` takes them.

    Raises
    ------
    typer.BadParameter
        The file is no such list.
    """
    try:
        edits = json_.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise typer.BadParameter(
            f"{path.name} is not JSON: {error}", param_hint="--edits"
        ) from None
    if not isinstance(edits, list) or not all(isinstance(edit, dict) for edit in edits):
        raise typer.BadParameter(f"{path.name} holds no list of edits", param_hint="--edits")
    return cast(list[types.ItemsEdit], edits)


def edit_many(client: Client, edits: list[types.ItemsEdit], *, json: bool) -> None:
    """Apply edits, a bounded number of items at a time, and print the result of each item.

    Exits with the code of a refusal if an item was left as it was.
    """
    results: list[types.EditResult] = []
    for batch in _batches(edits):
        results += client.items.edit(batch).results
    failed = [result for result in results if result.failure is not None]
    if json:
        print_json(results)
    else:
        print_line(f"Changed {len(results) - len(failed)} of {len(results)} items.")
        for result in failed:
            assert result.failure is not None
            print_note(f"{result.item}: {result.failure.detail}")
    if failed:
        raise typer.Exit(REFUSED)


def _batches(edits: list[types.ItemsEdit]) -> Iterator[list[types.ItemsEdit]]:
    """Yield edits of at most `_BATCH` items together; larger ones go alone."""
    batch: list[types.ItemsEdit] = []
    size = 0
    for edit in edits:
        count = len(edit.get("items", ()))
        if batch and size + count > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(edit)
        size += count
    if batch:
        yield batch


def _line(
    client: Client, row: Mapping[str, str | None], ids: dict[str, str], place: str
) -> types.ItemsEdit:
    cells = {name: value.strip() for name, value in row.items() if name and value and value.strip()}
    if None in row or "item" not in cells:
        raise typer.BadParameter(
            f"{place}: the line has more cells than the head, or no item", param_hint="--csv"
        )
    try:
        edit: dict[str, Any] = {"items": [find_item(client, cells.pop("item")).id]}
        if "collections" in cells:
            edit["collections"] = [
                _known(ids, name, lambda name: find_collection(client, name).id)
                for name in _list(cells.pop("collections"))
            ]
    except LookupFailedError as error:
        raise LookupFailedError(f"{place}: {error}") from None
    for name, value in cells.items():
        if name.startswith(METADATA):
            metadata = edit.setdefault("set_metadata", {})
            metadata[name.removeprefix(METADATA)] = None if value == CLEAR else value
        elif name in ("add_tags", "remove_tags"):
            edit[name] = _list(value)
        elif name == "favourite":
            if value.casefold() not in (*_TRUE, *_FALSE):
                text = f"{place}: {value!r} is neither yes nor no"
                raise typer.BadParameter(text, param_hint="--csv")
            edit[name] = value.casefold() in _TRUE
        elif value not in (choices := _CHOICES[name]):
            text = f"{place}: {name} is {value!r}; use {', '.join(choices)}"
            raise typer.BadParameter(text, param_hint="--csv")
        elif value == CLEAR:
            edit[name] = None
        else:
            edit[name] = int(value) if name == "rating" else value
    return cast(types.ItemsEdit, edit)


def _known(ids: dict[str, str], name: str, find: Callable[[str], str]) -> str:
    if name not in ids:
        ids[name] = find(name)
    return ids[name]


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
