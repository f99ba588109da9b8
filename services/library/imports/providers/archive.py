"""`archive`: the sounds of an item of the Internet ZipReader, by its open metadata."""

import asyncio
import re
from typing import Any
from urllib.parse import quote

from contracts.imports import ImportCreate
from services.library.imports.files import FileDetails, clean_metadata, is_audio
from services.library.imports.licences import known_licence
from services.library.imports.providers.base import (
    Listing,
    NothingFound,
    RemoteFile,
    read_json,
    text_of,
)
from services.library.imports.web import Web

SITE = "https://archive.org"
_IDENTIFIER = re.compile(
    r"(?:.*/(?:details|download|metadata)/)?([A-Za-z0-9][\w.-]{0,100})(?:[/?#].*)?"
)


class InternetArchive:
    """Items of the Internet ZipReader.

    Parameters
    ----------
    site
        Address of the archive.
    """

    title = "The sounds of an item of archive.org, by its identifier or address"
    needs_key = False

    def __init__(self, site: str = SITE) -> None:
        self._site = site

    async def find(self, request: ImportCreate, web: Web) -> Listing:
        """Return the original sounds, and others only where the original is no sound.

        Raises
        ------
        NothingFound
        WebError
        """
        match = _IDENTIFIER.fullmatch(request.reference.strip())
        if match is None:
            raise NothingFound(
                "This is no item of archive.org; send its identifier or the address of its page."
            )
        identifier = match[1]
        document = await read_json(web, f"{self._site}/metadata/{identifier}")
        facts = document.get("metadata") if isinstance(document, dict) else None
        if not isinstance(facts, dict):
            raise NothingFound("archive.org has no item with this identifier.")
        title = text_of(facts, "title") or identifier
        licence = text_of(facts, "licenseurl")
        shared = {
            "album": title,
            "artist": text_of(facts, "creator"),
            "date": text_of(facts, "date"),
            "licence": known_licence(licence) or licence,
            "url": f"{SITE}/details/{identifier}",
        }
        listed = document.get("files")
        sounds = await asyncio.to_thread(_sounds, listed if isinstance(listed, list) else [])
        files = [self._file(identifier, sound, shared) for sound in sounds[: request.max_files]]
        if not files:
            raise NothingFound("This item of archive.org holds no sound.")
        return Listing(title, files, note=f"{shared['url']} {shared['licence']}".strip())

    def _file(self, identifier: str, sound: dict[str, Any], shared: dict[str, str]) -> RemoteFile:
        path = text_of(sound, "name")
        own = {"title": text_of(sound, "title"), "artist": text_of(sound, "artist")}
        own = {name: value for name, value in own.items() if value}
        name = path.rpartition("/")[2]
        details = FileDetails(name=name, metadata=clean_metadata({**shared, **own}))
        return RemoteFile(f"{self._site}/download/{identifier}/{quote(path)}", path, details)


def _sounds(listed: list[Any]) -> list[dict[str, Any]]:
    """Return the files that are sounds, without those that were made from another sound."""
    sounds = [file for file in listed if isinstance(file, dict) and is_audio(text_of(file, "name"))]
    names = {text_of(file, "name") for file in sounds}
    return [file for file in sounds if text_of(file, "original") not in names]
