"""`sync`: a folder that mirrors collections, for the browsers of DAWs."""

import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from cratedig import Client, CratedigError, types
from cratedig.cli.collections import find_collection
from cratedig.cli.mirror import Change, Mirror, MirrorFile, layout
from cratedig.cli.output import AsJson, print_json, print_line, print_note

PAUSE = 1.0
"""Seconds between two passes, so that many changes make one pass."""
_KINDS = ("collection.", "item.", "artifact.added")
"""Events after which the folder may be out of date."""


def sync(
    folder: Annotated[
        Path, typer.Argument(file_okay=False, help="Folder to keep up to date; made if missing.")
    ],
    collection: Annotated[
        list[str] | None,
        typer.Argument(help="Ids or names of collections; all of your own by default."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Do not follow later changes.")] = False,
    json: AsJson = False,
) -> None:
    """Mirror collections into a folder, and follow every change until you press Ctrl-C.

    Each collection is a folder, nested like the collections. Files that you put there, and those
    that you changed, are neither replaced nor deleted.
    """
    mirror = Mirror(folder)
    with Client() as client:
        # Read before the lists, so that no change between them and the stream is missed.
        after = client.feed.get().next
        changes = mirror.bring_up_to_date(client, files_of(client, mirror, collection))
        if once or json:
            if json:
                print_json([change.as_json() for change in changes])
            else:
                _print(changes)
            return
        _print(changes)
        print_note(f"Following changes in {folder}. Press Ctrl-C to stop.")
        wakeup = _Wakeup(after)
        try:
            while True:
                wakeup.wait()
                changes = mirror.bring_up_to_date(client, files_of(client, mirror, collection))
                _print(changes)
                time.sleep(PAUSE)
        except KeyboardInterrupt:
            print_note("Stopped.")


def files_of(client: Client, mirror: Mirror, names: list[str] | None) -> list[MirrorFile]:
    """Return the files of collections: of each item the original, or else its decoded audio."""
    own = list(client.collections.list())
    chosen = [find_collection(client, name) for name in names or ()]
    shown = chosen or [each for each in own if each.items]
    files = []
    for collection, path in layout(shown, own):
        for member in client.collections.items(collection.id):
            if member.item.state == "ready":
                file = _file_of(client, mirror, collection, member.item)
                if file is not None:
                    files.append(MirrorFile(path, member.item, file))
    return files


def _file_of(
    client: Client, mirror: Mirror, collection: types.Collection, item: types.Item
) -> types.Artifact | None:
    """Return the file of an item; it never changes, so it is asked for once."""
    if (known := mirror.files.get(item.id)) is not None:
        return known
    files = list(client.collections.artifacts(collection.id, item.id))
    by_kind = {file.kind: file for file in files}
    file = by_kind.get("original") or by_kind.get("canonical")
    if file is not None:
        mirror.files[item.id] = file
    return file


def _print(changes: list[Change]) -> None:
    for change in changes:
        print_line(f"{change.what:<8} {change.path}")


class _Wakeup:
    """Waits for events that may change the folder, on a connection of its own."""

    def __init__(self, after: str) -> None:
        self._changed = threading.Event()
        self._error: Exception | None = None
        threading.Thread(target=self._follow, args=(after,), daemon=True).start()

    def wait(self) -> None:
        """Wait for the next event. Raises `CratedigError` if there will be none."""
        self._changed.wait()
        self._changed.clear()
        if self._error is not None:
            raise self._error

    def _follow(self, after: str) -> None:
        try:
            with Client() as client:
                for event in client.events.stream(after=after):
                    if event.type.startswith(_KINDS):
                        self._changed.set()
        except CratedigError as error:
            self._error = error
            self._changed.set()
