"""`correct` and `corrections`: values of the user that count instead of the machine's."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, print_json, print_line, print_note, print_table

_FIELDS = get_args(types.CorrectionField)
_ALIASES = {"bpm": "tempo"}


def correct(
    item: Annotated[str, typer.Argument(help="Id or name of an item.")],
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD=VALUE…",
            help="Such as bpm=124, bpm=double, key=Am or class=snare; a lane from a JSON file, "
            "such as chords=@chords.json. FIELD= takes a correction back.",
        ),
    ],
    json: AsJson = False,
) -> None:
    """Correct what was found out about an item: your value counts, also after a new job."""
    changes = [_parse(text) for text in values]
    with Client() as client:
        id_ = find_item(client, item).id
        for field, value in changes:
            if value is None:
                client.corrections.delete(id_, field)
            else:
                client.corrections.put(id_, field, value)
        _print(client.corrections.list(id_), json=json)


def corrections(
    item: Annotated[str, typer.Argument(help="Id or name of an item.")],
    json: AsJson = False,
) -> None:
    """List the corrections of an item, with what the machine says."""
    with Client() as client:
        _print(client.corrections.list(find_item(client, item).id), json=json)


def _parse(text: str) -> tuple[types.CorrectionField, Any]:
    """Return a field and its value; `None` to take the correction back."""
    name, sign, value = text.partition("=")
    field = _ALIASES.get(name, name)
    if not sign or field not in _FIELDS:
        raise typer.BadParameter(
            f"{text!r} is no FIELD=VALUE. Fields: bpm, {', '.join(_FIELDS)}.",
            param_hint="FIELD=VALUE",
        )
    return cast(types.CorrectionField, field), _read(value)


def _read(value: str) -> Any:
    if not value:
        return None
    if value.startswith("@"):
        path = Path(value[1:])
        try:
            return json_module.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise typer.BadParameter(
                f"{path} cannot be read as JSON: {error}", param_hint="FIELD=VALUE"
            ) from None
    try:
        return float(value)
    except ValueError:
        return value


def _print(listed: types.Corrections, *, json: bool) -> None:
    if json:
        print_json(listed)
        return
    if not listed.items:
        print_note("Nothing is corrected. Correct a value: cratedig correct ITEM bpm=124 key=Am")
        return
    rows = [
        (c.field, _short(c.value), _short(c.machine), f"{c.at:%Y-%m-%d %H:%M}", str(c.version))
        for c in listed.items
    ]
    print_table(("FIELD", "VALUE", "MACHINE", "CORRECTED", "VERSION"), rows)
    older = sorted({result.task for c in listed.items for result in c.older_results})
    if older:
        print_line(f"Older than a correction, run again to use it: {', '.join(older)}")


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} entries"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
