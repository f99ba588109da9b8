"""`freesound`: sounds and packs of freesound.org, by its API.

Original files need an authorisation by the user in a browser; with an API key the API gives
previews, of which the better Ogg file is imported.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from contracts.imports import ImportCreate
from services.library.imports.files import FileDetails, clean_metadata, clean_tags
from services.library.imports.licences import known_licence
from services.library.imports.providers.base import (
    Listing,
    NothingFound,
    RemoteFile,
    read_json,
    text_of,
)
from services.library.imports.web import Web

SITE = "https://freesound.org"
_FIELDS = "id,name,tags,username,license,url,previews"
_SOUND = re.compile(r"(?:.*/sounds/|.*/s/)?(\d{1,12})/?(?:[?#].*)?")
_PACK = re.compile(r"(?:.*/packs/|pack:)(\d{1,12})/?(?:[?#].*)?")
_PREVIEWS = ("preview-hq-ogg", "preview-hq-mp3")
_PAGE = 150


class Freesound:
    """Sounds of freesound.org.

    Parameters
    ----------
    site
        Address of the API.
    """

    title = "Previews of a sound or a pack of freesound.org, by its number or address"
    needs_key = True

    def __init__(self, site: str = SITE) -> None:
        self._site = site

    async def find(self, request: ImportCreate, web: Web) -> Listing:
        """Return a sound, or those of a pack. Raises `NothingFound` and `WebError`."""
        if request.key is None:
            raise NothingFound(
                "freesound.org needs your API key: send it as `key`. It is free at "
                "https://freesound.org/apiv2/apply and is not stored here."
            )
        headers = {"Authorization": f"Token {request.key.get_secret_value()}"}
        reference = request.reference.strip()
        if pack := _PACK.fullmatch(reference):
            facts = await read_json(web, f"{self._site}/apiv2/packs/{pack[1]}/", headers)
            title = text_of(facts, "name") or f"Pack {pack[1]}"
            sounds = self._pack(web, pack[1], headers)
            files = [file async for file in _files(sounds, title, limit=request.max_files)]
        elif sound := _SOUND.fullmatch(reference):
            url = f"{self._site}/apiv2/sounds/{sound[1]}/?fields={_FIELDS}"
            file = _file(await read_json(web, url, headers), "")
            files = [file] if file else []
            title = file.name if file else ""
        else:
            raise NothingFound(
                "This is no sound of freesound.org; send its number, its address, or the address "
                "of a pack."
            )
        if not files:
            raise NothingFound("freesound.org has no preview of this.")
        return Listing(title, files, note="Previews from freesound.org.")

    async def _pack(self, web: Web, pack: str, headers: Mapping[str, str]) -> AsyncIterator[Any]:
        page = 1
        while True:
            url = (
                f"{self._site}/apiv2/packs/{pack}/sounds/"
                f"?fields={_FIELDS}&page_size={_PAGE}&page={page}"
            )
            document = await read_json(web, url, headers)
            results = document.get("results") if isinstance(document, dict) else None
            for sound in results if isinstance(results, list) else ():
                yield sound
            # The number of the page is counted here: an address in an answer is not followed.
            if not results or not document.get("next"):
                return
            page += 1


async def _files(
    sounds: AsyncIterator[Any], title: str, *, limit: int
) -> AsyncIterator[RemoteFile]:
    count = 0
    async for sound in sounds:
        if file := _file(sound, title):
            yield file
            count += 1
        if count == limit:
            return


def _file(sound: Any, album: str) -> RemoteFile | None:
    """Return a sound as the API describes it; `None` if it has no preview."""
    previews = sound.get("previews") if isinstance(sound, dict) else None
    url = next(filter(None, (text_of(previews, name) for name in _PREVIEWS)), "")
    if not url:
        return None
    licence = text_of(sound, "license")
    name = text_of(sound, "name") or text_of(sound, "id")
    tags = sound.get("tags")
    details = FileDetails(
        name=name,
        metadata=clean_metadata(
            {
                "title": name,
                "artist": text_of(sound, "username"),
                "album": album,
                "licence": known_licence(licence) or licence,
                "url": text_of(sound, "url"),
                "quality": "preview",
            }
        ),
        tags=clean_tags([tag for tag in tags if isinstance(tag, str)] if tags else [])[:16],
    )
    return RemoteFile(url, name, details)
