"""Reads the files of finished tagging jobs into search documents.

The transaction that adds a file queues it (`services.library.search.pending`). One library of a
server reads the queue in order; the file is read outside of any transaction. After a kill the file
is read again, which writes the same values.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from contracts.items import ArtifactKind
from contracts.music import Seconds
from contracts.objects import Bucket
from contracts.tagging import SampleTags, Tags
from kit.database.engine import Database
from kit.objects.base import ObjectCorrupt, ObjectError, ObjectMissing, ObjectStore
from kit.vectors.base import Space
from services.library.background import lead, until
from services.library.catalogue.tables import ArtifactRow
from services.library.jobs.locks import hold_owner
from services.library.jobs.tables import JobRow
from services.library.search.pending import TAG_FILES
from services.library.search.sounds import describe_song, describe_sounds
from services.library.search.tables import SearchPendingRow
from services.library.similarity.sound_vectors import BadVector, Sound, SoundVectors, read_sound

log = logging.getLogger(__name__)

DAMAGED_TAG_FILES = Counter(
    "library_damaged_tag_files_total", "Files of tags that could not be read into the search."
)
MAX_BYTES = 1 << 24
"""A larger file is damaged: the tags of 20,000 samples need about as much."""
READ_TIMEOUT: Seconds = 30.0
AT_ONCE = 500
POLL: Seconds = 1.0
"""Files that other processes queued wait so long at most."""
FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
"""Pause after a file that the store could not give, doubled with each try."""


class DamagedFile(Exception):
    """A file of tags that will never be readable."""


class TagFiles:
    """Reads queued files of tags; of several, one is active.

    Parameters
    ----------
    poll
        How often the queue is read without being woken.
    at_once
        Samples that one transaction describes.
    max_bytes
        Size above which a file is damaged.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        vectors: SoundVectors,
        *,
        poll: Seconds = POLL,
        at_once: int = AT_ONCE,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._database = database
        self._objects = objects
        self._vectors = vectors
        self._poll = poll
        self._at_once = at_once
        self._max_bytes = max_bytes

    async def run(self, stopping: asyncio.Event) -> None:
        """Read files until `stopping` is set."""
        await until(
            stopping, lead(self._database, "search tags", TAG_FILES, self.read, poll=self._poll)
        )

    async def read(self) -> bool:
        """Read the next file that is due; return whether there was one."""
        query = (
            select(ArtifactRow, col(JobRow.inputs), col(SearchPendingRow.tries))
            .join(SearchPendingRow, col(SearchPendingRow.artifact) == col(ArtifactRow.id))
            .join(JobRow, col(JobRow.id) == col(ArtifactRow.job))
            .where(col(SearchPendingRow.due) <= self._database.now())
            .order_by(col(SearchPendingRow.artifact))
            .limit(1)
        )
        async with self._database.session() as session:
            row = (await session.execute(query)).one_or_none()
        if row is None:
            return False
        artifact, inputs, tries = row
        try:
            tags = await self._fetch(artifact)
        except DamagedFile as error:
            log.warning("search leaves out the tags %s: %s", artifact.id, error)
            DAMAGED_TAG_FILES.inc()
            await self._forget(artifact)
        except ObjectError as error:
            log.warning("search waits for the tags %s: %s", artifact.id, error)
            await self._postpone(artifact, tries)
        else:
            await self._write(artifact, inputs, tags)
        return True

    async def _fetch(self, artifact: ArtifactRow) -> Tags:
        """Read a file.

        Raises
        ------
        DamagedFile
        ObjectError
            The store cannot be asked now.
        """
        if artifact.size > self._max_bytes:
            raise DamagedFile(f"its {artifact.size} bytes are more than {self._max_bytes}")
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                data = await self._objects.get_bytes(
                    Bucket(artifact.bucket), artifact.object_key, limit=self._max_bytes
                )
        except (ObjectMissing, ObjectCorrupt) as error:
            raise DamagedFile(str(error)) from error
        except TimeoutError as error:
            raise ObjectError(f"it was not read within {READ_TIMEOUT:.0f} s") from error
        return await asyncio.to_thread(_parse, data, artifact.sha256)

    async def _write(
        self, artifact: ArtifactRow, inputs: Sequence[Mapping[str, Any]], tags: Tags
    ) -> None:
        """Write what a file says, a number of samples at once, and take it off the queue."""
        await self._vectors.ensure(_spaces(tags))
        # The last part also writes the song and ends the file.
        starts = range(0, max(1, len(tags.samples)), self._at_once)
        parts = [tags.samples[start : start + self._at_once] for start in starts]
        for number, part in enumerate(parts, start=1):
            async with self._database.transaction() as session:
                await hold_owner(session, artifact.owner)
                items = await _items_of(session, inputs, part)
                await describe_sounds(session, artifact.owner, items)
                await self._vectors.put(session, artifact.owner, _sounds_of(items))
                if number < len(parts):
                    continue
                if tags.song and artifact.item is not None:
                    await describe_song(session, artifact.owner, artifact.item, tags.song)
                if tags.vector is not None and artifact.item is not None:
                    song = {artifact.item: read_sound(tags.vector)}
                    await self._vectors.put(session, artifact.owner, song)
                await session.execute(_removal(artifact))

    async def _forget(self, artifact: ArtifactRow) -> None:
        async with self._database.transaction() as session:
            await session.execute(_removal(artifact))

    async def _postpone(self, artifact: ArtifactRow, tries: int) -> None:
        pause = min(FIRST_PAUSE * 2 ** min(tries, 20), MAX_PAUSE)
        later = (
            update(SearchPendingRow)
            .where(col(SearchPendingRow.artifact) == artifact.id)
            .values(tries=tries + 1, due=self._database.now(offset=pause))
            .execution_options(synchronize_session=False)
        )
        async with self._database.transaction() as session:
            await session.execute(later)


def _parse(data: bytes, sha256: str) -> Tags:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedFile("its bytes changed in the store")
    try:
        tags = Tags.model_validate_json(data)
        _spaces(tags)
        return tags
    except (ValidationError, BadVector) as error:
        raise DamagedFile(f"it has no tags of this version: {error}") from error


def _spaces(tags: Tags) -> set[Space]:
    """Return the spaces of the vectors in a file. Raises `BadVector`."""
    vectors = [tags.vector, *(sample.vector for sample in tags.samples)]
    return {read_sound(vector).space for vector in vectors if vector is not None}


def _sounds_of(items: Mapping[str, SampleTags]) -> dict[str, Sound]:
    return {
        item: read_sound(sample.vector, sample.fingerprint)
        for item, sample in items.items()
        if sample.vector is not None
    }


def _removal(artifact: ArtifactRow) -> Any:
    return (
        delete(SearchPendingRow)
        .where(col(SearchPendingRow.artifact) == artifact.id)
        .execution_options(synchronize_session=False)
    )


async def _items_of(
    session: AsyncSession, inputs: Sequence[Mapping[str, Any]], samples: Sequence[SampleTags]
) -> dict[str, SampleTags]:
    """Return the items that samples are, by the names of the job's inputs.

    An item's canonical audio is the object that the job read: of an uploaded sample the same
    artifact, of one cut from a song the artifact of the item beside that of the song.
    """
    by_name: dict[tuple[str, str | None], list[Mapping[str, Any]]] = {}
    for source in inputs:
        by_name.setdefault((source["name"], source["stem"]), []).append(source)
    by_key: dict[str, SampleTags] = {}
    artifacts = []
    for sample in samples:
        sources = by_name.get((sample.file, sample.stem), ())
        # Of two inputs of one name nobody knows which of them the tags describe.
        if len(sources) == 1 and sources[0]["artifact"] is not None:
            by_key[sources[0]["key"]] = sample
            artifacts.append(sources[0]["artifact"])
    if not by_key:
        return {}
    read = aliased(ArtifactRow)
    jobs = select(col(read.job)).where(col(read.id).in_(artifacts))
    own = select(col(ArtifactRow.item), col(ArtifactRow.object_key)).where(
        col(ArtifactRow.job).in_(jobs),
        col(ArtifactRow.kind) == ArtifactKind.CANONICAL,
    )
    rows = (await session.execute(own)).all()
    return {item: by_key[key] for item, key in rows if item is not None and key in by_key}
