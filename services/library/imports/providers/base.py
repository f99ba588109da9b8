"""What a provider is: it finds the files that a reference means."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from contracts.imports import ImportCreate
from contracts.music import Seconds
from services.library.imports.files import FileDetails
from services.library.imports.web import Web, WebError

MAX_DOCUMENT = 8 << 20
"""Bytes of a document that lists files."""
FIND_TIMEOUT: Seconds = 8.0
"""Time for one document."""


class NothingFound(Exception):
    """A reference that means no file; the message says why and what to do, for a person."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that a provider found."""

    url: str
    name: str
    """Its name in the list of files."""
    details: FileDetails


@dataclass(frozen=True, slots=True)
class Listing:
    """The files that a reference means, in order."""

    title: str
    files: list[RemoteFile] = field(default_factory=list)
    note: str = ""
    """For the note of the collection: where they are from and their licence."""


class Provider(Protocol):
    """Finds the files that a reference means.

    A package makes one available by an entry point of the group `cratedig.import_providers`, whose
    name is that of the provider and whose object is called without arguments.
    """

    title: str
    needs_key: bool

    async def find(self, request: ImportCreate, web: Web) -> Listing:
        """Return at most `request.max_files` files.

        Raises
        ------
        NothingFound
        WebError
        """
        ...


async def read_json(web: Web, url: str, headers: Mapping[str, str] | None = None) -> Any:
    """Return a JSON document. Raises `WebError`."""
    body = await web.read(url, limit=MAX_DOCUMENT, timeout=FIND_TIMEOUT, headers=headers)
    try:
        return await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError):
        raise WebError("The server's answer is no JSON document.") from None


def text_of(document: Any, name: str) -> str:
    """Return a field of a JSON object as text; of a list its first value; else nothing."""
    value = document.get(name) if isinstance(document, dict) else None
    if isinstance(value, list):
        value = value[0] if value else None
    return str(value) if isinstance(value, str | int | float) else ""
