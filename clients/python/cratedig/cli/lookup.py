"""Finds what a user means by an id or a name."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from cratedig import Client, NotFoundError, types
from cratedig.cli.errors import LookupFailedError

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_WORDS = 4
"""Words of a name that the server searches for. Results are compared with the whole name."""
_FORMS: tuple[Callable[[types.Item], str], ...] = (
    lambda item: _normalized(item.name),
    lambda item: _normalized(Path(item.name).stem),
)


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


def find_item(client: Client, name: str) -> types.Item:
    """Return the item with an id or a name.

    A song is preferred to what was cut from it, the whole name to one without its extension, and an
    exact match to one in another case.

    Raises
    ------
    LookupFailedError
        There is none, or there are several; the message lists them.
    """
    if is_id(name):
        try:
            return client.items.get(name)
        except NotFoundError:
            raise LookupFailedError(
                f"No item has the id {name}. `cratedig ls --all` lists items."
            ) from None
    words = sorted(unicodedata.normalize("NFC", name).split(), key=len)[-_MAX_WORDS:]
    text = " ".join(word[:40] for word in words)
    for roots in (True, False):
        matches = list(client.items.list(q=text, roots=roots))
        for change in (str, str.casefold):
            for form in _FORMS:
                same = [item for item in matches if change(form(item)) == change(_normalized(name))]
                if len(same) == 1:
                    return same[0]
                if same:
                    raise LookupFailedError(_ambiguous(name, same))
    raise LookupFailedError(f"No item has the name {name!r}. `cratedig ls --all` lists items.")


def find(client: Client, name: str) -> types.Item | types.Job | types.Run:
    """Return the item, job or run with an id, or the item with a name.

    Raises
    ------
    LookupFailedError
        There is none, or several items have the name.
    """
    if not is_id(name):
        return find_item(client, name)
    for get in (client.items.get, client.jobs.get, client.runs.get):
        try:
            return get(name)
        except NotFoundError:
            continue
    raise LookupFailedError(
        f"No item, job or run has the id {name}. `cratedig ls`, `jobs` and `runs` list them."
    )


def find_work(client: Client, id_: str) -> types.Job | types.Run:
    """Return the job or run with an id.

    Raises
    ------
    LookupFailedError
        There is none.
    """
    for get in (client.jobs.get, client.runs.get) if is_id(id_) else ():
        try:
            return get(id_)
        except NotFoundError:
            continue
    raise LookupFailedError(
        f"No job or run has the id {id_}. `cratedig jobs` and `cratedig runs` list them."
    )


def _normalized(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _ambiguous(name: str, items: list[types.Item]) -> str:
    rows = [f"  {item.id}  {item.kind}, {item.created:%Y-%m-%d %H:%M}" for item in items[:10]]
    more = [f"  and {len(items) - 10} more"] if len(items) > 10 else []
    return "\n".join([f"Several items have the name {name!r}. Use an id:", *rows, *more])
