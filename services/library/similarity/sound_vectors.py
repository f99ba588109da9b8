"""Vectors of items in the vector store, and the rows that say where each is."""

import base64
import binascii
import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.items import ArtifactKind
from contracts.tagging import SoundVector
from kit.arrays import F32
from kit.database.engine import Database, database_of
from kit.database.hooks import report
from kit.database.notifications import notify_on_commit
from kit.database.upsert import insert_into
from kit.vectors.base import (
    MAX_LIMIT,
    Neighbour,
    OwnedVectors,
    Space,
    UnknownSpace,
    VectorStore,
    WeightedVector,
)
from kit.vectors.factory import open_vectors
from services.library.catalogue.tables import ArtifactRow
from services.library.similarity.changes import SOUNDS_DESCRIBED
from services.library.similarity.fingerprints import SIZE
from services.library.similarity.tables import SoundRow, sound_of

UNCOMPARED = "uncompared sounds"
"""`Database.listen` gives the event of sounds that wait to be compared."""
UNPROPOSED = "unproposed sounds"
"""`Database.listen` gives the event of sounds that taught tags were not applied to."""
UNSCORED = "unscored sounds"
"""`Database.listen` gives the event of what recommendations have to be computed with."""


class BadVector(ValueError):
    """The data of a vector cannot be read."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What tagging found out about an item for similarity.

    Attributes
    ----------
    space
        The vector's space.
    vector
        `[dimension]`.
    fingerprint
        512 bytes, of samples.
    """

    space: Space
    vector: F32
    fingerprint: bytes | None = None


def read_sound(vector: SoundVector, fingerprint: str | None = None) -> Sound:
    """Return the sound that `tags.json` describes.

    Raises
    ------
    BadVector
        The data is no list of half-precision numbers, or has no direction.
    """
    try:
        data = base64.b64decode(vector.data, validate=True)
        components = np.frombuffer(data, "<f2").astype(np.float32)
        space = Space(vector.space.value, vector.version, components.size)
        print_ = base64.b64decode(fingerprint, validate=True) if fingerprint is not None else None
    except (binascii.Error, ValueError) as error:
        raise BadVector(str(error)) from error
    if not np.isfinite(components).all() or not components.any():
        raise BadVector("a vector has no direction")
    return Sound(space, components, print_ if print_ is None or len(print_) == SIZE else None)


async def open_sound_vectors(database: Database, url: str) -> "SoundVectors":
    """Return the vectors of a library's database; with SQLite their files lie next to it."""
    path = Path(make_url(url).database or "library")
    folder = path.with_name(f"{path.stem}-vectors")
    return SoundVectors(database, await open_vectors(database, folder))


class SoundVectors:
    """The vectors of items.

    Parameters
    ----------
    database
        The library's database.
    store
        The vector store of that database.
    """

    def __init__(self, database: Database, store: VectorStore) -> None:
        self._database = database
        self._store = store
        self._spaces: set[Space] = set()

    async def close(self) -> None:
        """Wait for what runs in the background; the database stays open."""
        await self._store.close()

    async def clean_up(self) -> None:
        """Delete files of owners that were removed."""
        await self._store.clean_up()

    async def ensure(self, spaces: Collection[Space]) -> None:
        """Create the spaces that do not exist, each in a transaction of its own."""
        for space in set(spaces) - self._spaces:
            await self._store.ensure(space)
            self._spaces.add(space)

    async def put(self, session: AsyncSession, owner: str, sounds: Mapping[str, Sound]) -> None:
        """Store sounds of an owner's items, in place of earlier ones.

        Their spaces exist (`ensure`), and the caller holds the owner's lock.
        """
        hashes = await _audio_of(session, sounds)
        known = {item: sound for item, sound in sounds.items() if item in hashes}
        if not known:
            return
        rows = await _rows(session, owner, known)
        await self._remove(
            session, owner, [row for row in rows if _space(row) != known[row.item].space]
        )
        by_space: dict[Space, dict[str, F32]] = {}
        for item, sound in sorted(known.items()):
            by_space.setdefault(sound.space, {})[item] = sound.vector
        for space, vectors in by_space.items():
            await self._store.put(session, space, owner, vectors)
        new = insert_into(database_of(session), SoundRow)
        values = [
            {
                "item": item,
                "owner": owner,
                "space": sound.space.name,
                "version": sound.space.version,
                "dimension": sound.space.dimension,
                "audio_sha256": hashes[item],
                "fingerprint": sound.fingerprint,
                "duplicates": None,
                "compared": False,
                "proposed": False,
                "scored": False,
            }
            for item, sound in sorted(known.items())
        ]
        changed = {name: new.excluded[name] for name in values[0] if name != "item"}
        await session.execute(
            new.on_conflict_do_update(index_elements=["item"], set_=changed), values
        )
        notify_on_commit(session, UNCOMPARED)
        notify_on_commit(session, UNPROPOSED)
        notify_on_commit(session, UNSCORED)
        report(session, SOUNDS_DESCRIBED, owner)

    async def remove(self, session: AsyncSession, owner: str, items: Collection[str]) -> None:
        """Remove the sounds of items; the caller holds the owner's lock."""
        rows = await _rows(session, owner, items)
        await self._remove(session, owner, rows)
        await session.execute(
            delete(SoundRow)
            .where(col(SoundRow.item).in_([row.item for row in rows]))
            .execution_options(synchronize_session=False)
        )

    async def remove_owner(self, session: AsyncSession, owner: str, *, limit: int) -> int:
        """Remove vectors of an owner, at most `limit`; return how many: 0 when none is left."""
        return await self._store.remove_owner(session, owner, limit=limit)

    async def sounds_of(self, owner: str, items: Collection[str]) -> dict[str, SoundRow]:
        """Return the rows of those of an owner's items that have a vector."""
        async with self._database.session() as session:
            return {row.item: row for row in await _rows(session, owner, items)}

    async def vectors_of(self, owner: str, items: Collection[str]) -> dict[Space, dict[str, F32]]:
        """Return the unit vectors of those of an owner's items that have one, by space."""
        by_space = _by_space((await self.sounds_of(owner, items)).values())
        return {space: await self._store.get(space, owner, ids) for space, ids in by_space.items()}

    async def read_all(self, owner: str) -> dict[Space, OwnedVectors]:
        """Return all vectors of an owner by space, without spaces that have none."""
        owned: dict[Space, OwnedVectors] = {}
        for space in await self._store.spaces():
            # One may be dropped meanwhile.
            with contextlib.suppress(UnknownSpace):
                vectors = await self._store.read_all(space, owner)
                if len(vectors.ids):
                    owned[space] = vectors
        return owned

    async def vectors_in(self, owner: str, space: Space, items: Collection[str]) -> dict[str, F32]:
        """Return the unit vectors of those of an owner's items that have one in a space."""
        try:
            return await self._store.get(space, owner, items)
        except UnknownSpace:
            return {}

    async def nearest(
        self,
        owner: str,
        weights: Sequence[tuple[SoundRow, float]],
        *,
        limit: int,
        allowed: Collection[str] | None = None,
    ) -> list[Neighbour]:
        """Return an owner's items that are nearest to some sounds, which are left out themselves.

        Parameters
        ----------
        weights
            Sounds of one space, and how much each counts; a negative weight subtracts.
        limit
            Results, at most `MAX_LIMIT` less the number of sounds.
        allowed
            Only these items.

        Raises
        ------
        ValueError
            The weighted vectors cancel out.
        """
        own = {row.item for row, _ in weights}
        if not own:
            return []
        space = _space(weights[0][0])
        vectors = await self.vectors_in(owner, space, own)
        query = [
            WeightedVector(vectors[row.item], weight)
            for row, weight in weights
            if row.item in vectors
        ]
        if not query:
            return []
        return await self.nearest_to(owner, space, query, without=own, limit=limit, allowed=allowed)

    async def nearest_to(
        self,
        owner: str,
        space: Space,
        query: Sequence[WeightedVector],
        *,
        without: Collection[str],
        limit: int,
        allowed: Collection[str] | None = None,
    ) -> list[Neighbour]:
        """Return an owner's items whose vectors are nearest to some vectors.

        Parameters
        ----------
        without
            Items that are left out.
        limit
            Results, at most `MAX_LIMIT` less the number of `without`.
        allowed
            Only these items.

        Raises
        ------
        ValueError
            The weighted vectors cancel out.
        """
        if allowed is not None and not allowed:
            return []
        try:
            neighbours = await self._store.search(
                space,
                owner,
                query,
                limit=min(limit + len(without), MAX_LIMIT),
                allowed=allowed,
            )
        except UnknownSpace:
            return []
        return [neighbour for neighbour in neighbours if neighbour.id not in without][:limit]

    async def nearest_of(
        self, owner: str, sounds: Sequence[SoundRow], *, limit: int
    ) -> dict[str, list[Neighbour]]:
        """Return for each of an owner's sounds the items that are nearest to it, itself left out.

        Sounds without a vector are left out.
        """
        nearest: dict[str, list[Neighbour]] = {}
        for space, items in _by_space(sounds).items():
            # One may be dropped meanwhile.
            with contextlib.suppress(UnknownSpace):
                of_items = await self._store.nearest_of(space, owner, items, limit=limit + 1)
                for item, neighbours in of_items.items():
                    nearest[item] = [each for each in neighbours if each.id != item][:limit]
        return nearest

    async def _remove(self, session: AsyncSession, owner: str, rows: Sequence[SoundRow]) -> None:
        for space, items in _by_space(rows).items():
            await self._store.remove(session, space, owner, sorted(items))


def _space(row: SoundRow) -> Space:
    return Space(row.space, row.version, row.dimension)


def _by_space(rows: Iterable[SoundRow]) -> dict[Space, list[str]]:
    """Return the items of sounds by the space of their vectors."""
    by_space: dict[Space, list[str]] = {}
    for row in rows:
        by_space.setdefault(_space(row), []).append(row.item)
    return by_space


async def _rows(session: AsyncSession, owner: str, items: Collection[str]) -> list[SoundRow]:
    query = select(SoundRow).where(col(SoundRow.item).in_(sorted(items)), sound_of(owner))
    return list(await session.scalars(query.order_by(col(SoundRow.item))))


async def _audio_of(session: AsyncSession, items: Collection[str]) -> dict[str, str]:
    """Return the SHA-256 of the canonical audio of items; of several files the newest counts."""
    query = (
        select(col(ArtifactRow.item), col(ArtifactRow.sha256))
        .where(
            col(ArtifactRow.item).in_(sorted(items)),
            col(ArtifactRow.kind) == ArtifactKind.CANONICAL,
        )
        .order_by(col(ArtifactRow.created), col(ArtifactRow.id))
    )
    return {item: sha256 for item, sha256 in (await session.execute(query)).all() if item}
