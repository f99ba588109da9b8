"""What a user means by an id or a name."""

from pathlib import Path

from cratedig import types
from cratedig.client import Client
from cratedig.errors import CratedigError, NotFound


def find_item(client: Client, name: str) -> types.Item:
    """Return the item of an id or of a name that only one item has."""
    try:
        return client.item(name)
    except CratedigError:
        same = [item for item in client.items(q=name) if name in (item.name, Path(item.name).stem)]
    if len(same) == 1:
        return same[0]
    reason = "several items have this name; use an id" if same else "there is no such item"
    raise NotFound("not_found", f"{name}: {reason}")


def find(client: Client, name: str) -> types.Item | types.Job | types.Run:
    """Return the item, job or run of an id, or the item of a name."""
    for look in (client.job, client.run):
        try:
            return look(name)
        except CratedigError:
            continue
    return find_item(client, name)
