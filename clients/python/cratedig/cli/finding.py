"""What a user means by an id or a name."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from cratedig import types
from cratedig.client import Client
from cratedig.errors import NotFound

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORDS = 4
"""Words of a name that are searched for; what is found is compared with all of it."""
_FORMS: tuple[Callable[[types.Item], str], ...] = (
    lambda item: _same(item.name),
    lambda item: _same(Path(item.name).stem),
)


def is_id(text: str) -> bool:
    """Return whether a text is an id, of whatever it may be."""
    return _ID.fullmatch(text) is not None


def find_item(client: Client, name: str) -> types.Item:
    """Return the item of an id or of a name.

    A song goes before what was cut from it, the whole name before one without its ending, and a
    name as it is written before one that differs in case.

    Raises
    ------
    NotFound
        There is none, or there are several; the message lists them.
    """
    if is_id(name):
        try:
            return client.item(name)
        except NotFound:
            raise NotFound("not_found", f"{name}: there is no item of this id") from None
    words = sorted(unicodedata.normalize("NFC", name).split(), key=len)[-_WORDS:]
    text = " ".join(word[:40] for word in words)
    for roots in (True, False):
        found = list(client.items(q=text, roots=roots))
        for change in (str, str.casefold):
            for form in _FORMS:
                same = [one for one in found if change(form(one)) == change(_same(name))]
                if len(same) == 1:
                    return same[0]
                if same:
                    raise NotFound("not_found", _several(name, same))
    raise NotFound("not_found", f"{name}: there is no item of this name; `cratedig ls` lists them")


def find(client: Client, name: str) -> types.Item | types.Job | types.Run:
    """Return the item, job or run of an id, or the item of a name. Raises `NotFound`."""
    if not is_id(name):
        return find_item(client, name)
    for look in (client.item, client.job, client.run):
        try:
            return look(name)
        except NotFound:
            continue
    raise NotFound("not_found", f"{name}: there is no item, job or run of this id")


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _several(name: str, items: list[types.Item]) -> str:
    rows = [f"  {item.id}  {item.kind}, of {item.created:%Y-%m-%d %H:%M}" for item in items[:10]]
    more = [f"  and {len(items) - 10} more"] if len(items) > 10 else []
    return "\n".join([f"{name}: several items have this name; use an id:", *rows, *more])
