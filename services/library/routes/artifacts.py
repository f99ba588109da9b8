"""`/artifacts`: files, and signed URLs to fetch them."""

import unicodedata
from datetime import datetime

from fastapi import APIRouter

from contracts.ids import ArtifactId
from contracts.items import Artifact, ArtifactKind
from contracts.objects import Bucket
from contracts.uploads import Download
from kit.http.etags import READABLE
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.artifacts import split_name
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.catalogue.uploads import SIGNED
from services.library.catalogue.views import artifact_to_api
from services.library.routes.context import REFUSED, Context, Reader

_UNFIT = '/\\:*?"<>|'
_TURNS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))
"""Bidirectional classes of characters that change the direction of the text after them."""
_ITEM_BYTES = 150


def artifact_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/artifacts", tags=["artifacts"], responses=REFUSED
    )

    @router.get("/{artifact}", responses=READABLE)
    async def get(principal: Reader, artifact: ArtifactId) -> Artifact:
        """Return a file's name, size, digest and media type."""
        async with server.database.session() as session:
            row = await Repository(session, principal).artifact(artifact, Action.READ)
        return artifact_to_api(row)

    @router.get("/{artifact}/download")
    async def download(principal: Reader, artifact: ArtifactId) -> Download:
        """Return a signed URL to download the file, whole or by range, for 15 minutes."""
        async with server.database.session() as session:
            repository = Repository(session, principal)
            row = await repository.artifact(artifact, Action.READ)
            item = await repository.item(row.item, Action.READ) if row.item else None
            now = await server.database.time(session)
        return sign_download(server, item, row, now=now)

    return router


def sign_download(
    server: Context, item: ItemRow | None, artifact: ArtifactRow, *, now: datetime
) -> Download:
    """Return a signed URL of a file that the caller may read."""
    url = server.objects.sign_get(
        Bucket(artifact.bucket),
        artifact.object_key,
        filename=file_name(item, artifact),
        media_type=artifact.media_type,
        lasting=SIGNED,
    )
    return Download(url=url, expires=now + SIGNED)


def file_name(item: ItemRow | None, artifact: ArtifactRow) -> str:
    """Return a download's file name: the item's name, then which part of it this is (S11).

    A file that belongs to no item keeps its own name.
    """
    if item is None:
        return artifact.name
    name = "".join("_" if c in _UNFIT or _unfit(c) else c for c in item.name)
    if artifact.kind == ArtifactKind.ORIGINAL:
        return name.strip(". ") or artifact.name
    stem, _, suffix = artifact.name.rpartition(".")
    name = (
        split_name(name)[0].encode()[:_ITEM_BYTES].decode(errors="ignore").strip(". ") or "untitled"
    )
    if artifact.kind == ArtifactKind.CANONICAL:
        return f"{name}.{suffix}"
    part = stem if not artifact.stem or artifact.stem in stem else f"{artifact.stem} {stem}"
    return f"{name} – {part}.{suffix}"


def _unfit(character: str) -> bool:
    """Return whether a file name must not contain a character.

    Control characters must not appear, nor characters that change the writing direction, because
    they can disguise the file's suffix. Joiners may: emoji and many languages' spelling use them.
    """
    kind = unicodedata.category(character)
    turns = unicodedata.bidirectional(character) in _TURNS
    return turns or kind in ("Cc", "Cs", "Zl", "Zp")
