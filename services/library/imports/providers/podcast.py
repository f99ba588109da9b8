"""`podcast`: the enclosures of an RSS 2.0 feed."""

import asyncio
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

import httpx

from contracts.imports import ImportCreate
from services.library.imports.files import FileDetails, clean_metadata, is_audio
from services.library.imports.licences import known_licence
from services.library.imports.providers.base import (
    FIND_TIMEOUT,
    MAX_DOCUMENT,
    Listing,
    NothingFound,
    RemoteFile,
)
from services.library.imports.web import Web

_ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
_CREATIVE_COMMONS = "{http://backend.userland.com/creativeCommonsRssModule}"


class Podcast:
    """The episodes of a podcast, in the order of its feed: mostly the newest first."""

    title = "The episodes of a podcast, by the address of its RSS feed"
    needs_key = False

    async def find(self, request: ImportCreate, web: Web) -> Listing:
        """Return the episodes. Raises `NothingFound` and `WebError`."""
        body = await web.read(request.reference, limit=MAX_DOCUMENT, timeout=FIND_TIMEOUT)
        return await asyncio.to_thread(read_feed, body, request.max_files)


def read_feed(body: bytes, max_files: int) -> Listing:
    """Return the first episodes of a feed that have a sound. Raises `NothingFound`."""
    channel = parse_xml(body).find("channel")
    if channel is None:
        raise NothingFound("The document is no RSS feed: it has no channel.")
    title = _text(channel, "title") or "Podcast"
    rights = _text(channel, "copyright")
    licence = known_licence(rights) or known_licence(_text(channel, f"{_CREATIVE_COMMONS}license"))
    files: list[RemoteFile] = []
    for item in channel.iter("item"):
        enclosure = item.find("enclosure")
        if len(files) == max_files:
            break
        if enclosure is None:
            continue
        url = enclosure.get("url", "").strip()
        if not (enclosure.get("type", "").startswith("audio/") or is_audio(_name(url))):
            continue
        name = _text(item, "title") or _name(url)
        metadata = {
            "title": _text(item, "title"),
            "artist": _text(item, f"{_ITUNES}author") or _text(channel, f"{_ITUNES}author"),
            "album": title,
            "date": _text(item, "pubDate"),
            "copyright": rights,
            "licence": licence or "",
            "url": _text(item, "link") or url,
        }
        details = FileDetails(name=name, metadata=clean_metadata(metadata))
        files.append(RemoteFile(url, name, details))
    if not files:
        raise NothingFound("The feed has no episode with a sound.")
    return Listing(title, files, note=rights)


class _NoDoctype(TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse a document that could define entities."""
        raise NothingFound("The document has a DOCTYPE, which no RSS feed needs.")


def parse_xml(body: bytes) -> Element:
    """Return the root of an XML document without entities of its own. Raises `NothingFound`."""
    parser = XMLParser(target=_NoDoctype())  # noqa: S314
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError, RecursionError):
        raise NothingFound("The document is no RSS feed: it is no XML.") from None
    return root


def _text(element: Element, name: str) -> str:
    child = element.find(name)
    return " ".join((child.text or "").split()) if child is not None else ""


def _name(url: str) -> str:
    try:
        return PurePosixPath(httpx.URL(url).path).name
    except httpx.InvalidURL:
        return ""
