"""A crate of many sounds: real ones from the whole chain, and generated ones made from them.

Each generated sound is a copy of a real one in every table but that of files, with a name of its
own, measured values that differ by some percent, a vector between that of the real one and one of
its neighbours (SMOTE; Chawla et al., 2002), and a fingerprint whose levels differ by about 6 dB.
One in `DUPLICATE_EVERY` is a planted duplicate instead: the same vector, and a fingerprint that
differs by less than 1 dB.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sqlalchemy import insert, select, text
from sqlmodel import col

from benchmarks.environments import test_data
from benchmarks.map import between
from benchmarks.search import ADJECTIVES
from benchmarks.similarity_sounds import recordings
from kit.arrays import F32
from kit.clock import new_id
from kit.database.engine import Database
from kit.vectors.base import Space
from kit.vectors.factory import open_vectors
from services.library.catalogue.tables import ItemRow, WaveformRow
from services.library.search.documents import next_revision
from services.library.search.fulltext import write_words
from services.library.search.tables import SearchDocumentRow, SearchTagRow
from services.library.search.text import words_of
from services.library.similarity.fingerprints import SIZE
from services.library.similarity.tables import SoundRow
from services.tagging.descriptors import RATE
from tools.train_tagging.synthesis import drums

DUPLICATE_EVERY = 100
"""One generated sound in this many is a duplicate of a real one."""
BATCH = 1000
_MEASURED = ("duration", "loudness", "brightness", "noisiness", "attack", "pitch")
_SEED = 5


@dataclass(frozen=True, slots=True)
class _Real:
    """The rows of a real sound."""

    item: dict[str, Any]
    document: dict[str, Any]
    tags: Sequence[dict[str, Any]]
    waveform: bytes
    sound: dict[str, Any]


def write_real(folder: Path, each: int) -> list[Path]:
    """Write at most `each` drawn drums of a class, and recorded ones where there are any."""
    sounds = list(drums())
    if (data := test_data()) is not None:
        sounds += recordings(data)
    written: dict[tuple[str, str], list[Path]] = {}
    hashes = set()
    for sound in sounds:
        of_class = written.setdefault((sound.family, sound.label), [])
        if len(of_class) >= each or sound.sha256 in hashes:
            continue
        hashes.add(sound.sha256)
        path = folder / f"{sound.label} {len(hashes):04}.wav"
        soundfile.write(path, sound.audio, RATE, subtype="PCM_16")
        of_class.append(path)
    return [path for paths in written.values() for path in paths]


async def multiply(database: Database, folder: Path, owner: str, count: int) -> int:
    """Write generated sounds until an owner has `count`; return how many duplicates are planted.

    Parameters
    ----------
    folder
        Where the vectors' files lie, on SQLite.
    """
    store = await open_vectors(database, folder)
    try:
        reals = await _reals(database, owner)
        row = reals[0].sound
        space = Space(row["space"], row["version"], row["dimension"])
        stored = await store.get(space, owner, [real.item["id"] for real in reals])
        vectors = np.stack([stored[real.item["id"]] for real in reals])
        chance = np.random.default_rng(_SEED)
        planted = 0
        for first in range(len(reals), count, BATCH):
            size = min(BATCH, count - first)
            chosen = chance.integers(0, len(reals), size)
            generated = between(vectors, chosen, chance)
            duplicate = np.arange(first, first + size) % DUPLICATE_EVERY == 0
            generated[duplicate] = vectors[chosen[duplicate]]
            planted += int(duplicate.sum())
            copies = [
                _copy(reals[index], first + place, chance, is_duplicate=bool(duplicate[place]))
                for place, index in enumerate(chosen.tolist())
            ]
            async with database.transaction() as session:
                await _write(session, owner, copies)
                ids = [copy.item["id"] for copy in copies]
                by_id: dict[str, F32] = dict(zip(ids, generated, strict=True))
                await store.put(session, space, owner, by_id)
                await session.execute(insert(SoundRow), [copy.sound for copy in copies])
        if not database.sqlite:
            async with database.transaction() as session:
                await session.execute(text("ANALYZE"))
        return planted
    finally:
        await store.close()


async def _reals(database: Database, owner: str) -> list[_Real]:
    async with database.session() as session:

        async def rows(table: Any, of: Any, ids: Sequence[Any]) -> Iterator[dict[str, Any]]:
            matching = await session.scalars(
                select(table).where(col(of).in_(ids)).order_by(col(of))
            )
            return (row.model_dump() for row in matching)

        sounds = [row async for row in _sounds(session, owner)]
        ids = [sound["item"] for sound in sounds]
        items = {row["id"]: row for row in await rows(ItemRow, ItemRow.id, ids)}
        documents = {
            row["item"]: row for row in await rows(SearchDocumentRow, SearchDocumentRow.item, ids)
        }
        waveforms = {
            row["item"]: row["data"] for row in await rows(WaveformRow, WaveformRow.item, ids)
        }
        tags: dict[int, list[dict[str, Any]]] = {}
        numbers = [document["id"] for document in documents.values()]
        for row in await rows(SearchTagRow, SearchTagRow.document, numbers):
            tags.setdefault(row["document"], []).append(row)
    return [
        _Real(
            items[id_],
            documents[id_],
            tags.get(documents[id_]["id"], ()),
            waveforms[id_],
            sound,
        )
        for id_, sound in zip(ids, sounds, strict=True)
    ]


async def _sounds(session: Any, owner: str) -> Any:
    query = select(SoundRow).where(col(SoundRow.owner) == owner).order_by(col(SoundRow.item))
    for row in await session.scalars(query):
        yield row.model_dump()


def _copy(real: _Real, number: int, chance: np.random.Generator, *, is_duplicate: bool) -> _Real:
    """Return a generated sound made from a real one."""
    item = new_id()
    moment: datetime = real.item["created"] + timedelta(seconds=number)
    adjective = ADJECTIVES[int(chance.integers(len(ADJECTIVES)))]
    name = f"{adjective} {real.item['name']} {number:06}"
    document = {
        **real.document,
        "item": item,
        "name_key": name.lower(),
        "created": moment,
        "updated": moment,
    }
    del document["id"]
    for measured in _MEASURED:
        if not is_duplicate and document[measured] is not None:
            document[measured] *= float(np.exp(chance.normal(0.0, 0.05)))
    levels = np.frombuffer(real.sound["fingerprint"] or bytes(SIZE), np.uint8).astype(np.float64)
    levels += chance.normal(0.0, 1.0 if is_duplicate else 24.0, levels.size)
    sound = {
        **real.sound,
        "item": item,
        "fingerprint": np.clip(np.round(levels), 0, 255).astype(np.uint8).tobytes(),
        "audio_sha256": hashlib.sha256(item.encode()).hexdigest(),
        "duplicates": None,
        "compared": False,
    }
    own = {
        **real.item,
        "id": item,
        "name": name,
        "search": name.lower(),
        "sha256": None,
        "created": moment,
        "updated": moment,
    }
    return _Real(own, document, real.tags, real.waveform, sound)


async def _write(session: Any, owner: str, copies: Sequence[_Real]) -> None:
    revision = await next_revision(session, owner)
    await session.execute(insert(ItemRow), [copy.item for copy in copies])
    added = insert(SearchDocumentRow).returning(
        col(SearchDocumentRow.id), sort_by_parameter_order=True
    )
    documents = [{**copy.document, "revision": revision} for copy in copies]
    ids = list(await session.scalars(added, documents))
    tags = [
        {**tag, "document": id_} for id_, copy in zip(ids, copies, strict=True) for tag in copy.tags
    ]
    if tags:
        await session.execute(insert(SearchTagRow), tags)
    await session.execute(
        insert(WaveformRow), [{"item": copy.item["id"], "data": copy.waveform} for copy in copies]
    )
    words = {
        id_: words_of(" ".join((copy.item["name"], *(tag["tag"] for tag in copy.tags))))
        for id_, copy in zip(ids, copies, strict=True)
    }
    await write_words(session, owner, words)
