"""Query sounds: made of an open upload, described by ingest and tagging, removed within the hour.

Neither an item nor an artifact is made of one, so no list, count or search ever shows it, and it
takes nothing of its owner's storage.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.identity import Principal
from contracts.ids import OwnerId, QuerySoundId, SubjectId
from contracts.ingest import IngestParams
from contracts.items import ArtifactKind
from contracts.jobs import InputRef
from contracts.music import Seconds
from contracts.objects import Bucket
from contracts.problems import FieldProblem, ProblemCode
from contracts.similarity import (
    MAX_QUERY_SOUND_BYTES,
    MAX_QUERY_SOUND_SECONDS,
    MAX_QUERY_SOUNDS,
    QuerySound,
    QuerySoundState,
)
from contracts.subjects import Subject, SubjectKind
from contracts.tasks import TASKS, UPLOAD_TASK
from contracts.uploads import UploadState
from kit.arrays import F32
from kit.database.engine import Database, database_of
from kit.database.repository import OwnedRows
from kit.http.errors import ProblemError
from kit.vectors.base import Space
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import OPENING, UploadRow
from services.library.catalogue.uploads import Uploads
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.submission import NewJob, create
from services.library.query_sounds.tables import QuerySoundRow
from services.library.repository import OwnerRepository
from services.library.usage import change

LASTS = timedelta(minutes=45)
"""After this a query sound is absent, and its rows and objects are removed."""
MAX_WAITING = 8
"""Query sounds of an account that may be waiting for a worker."""
POLL: Seconds = 0.05
"""How often a request that waits for a query sound looks at it."""


class QuerySoundRepository(OwnerRepository):
    """The query sounds of one principal that have not expired."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.sounds = OwnedRows(session, QuerySoundRow, self.owner)

    async def sound(self, id_: str, action: Action) -> QuerySoundRow:
        """Return a query sound. Raises `ProblemError` of code `not_found`."""
        row = await self.sounds.get(id_)
        if row is not None and row.expires <= await database_of(self.session).time(self.session):
            row = None
        return self.allowed(row, action)


@dataclass(frozen=True, slots=True)
class DescribedSound:
    """What a search compares items with.

    Attributes
    ----------
    space
        The space of the vector.
    vector
        `[dimension]`.
    measured
        Measured values by the names of `MeasuredField`.
    """

    space: Space
    vector: F32
    measured: dict[str, float | None]


async def described_sounds(
    session: AsyncSession, owner: str, ids: Collection[str]
) -> dict[str, DescribedSound]:
    """Return those of an owner's query sounds that are described."""
    row = QuerySoundRow
    query = select(row).where(
        col(row.id).in_(sorted(ids)),
        col(row.owner) == owner,
        col(row.expires) > database_of(session).now(),
    )
    described = {}
    for sound in await session.scalars(query):
        if sound.vector is not None and sound.space is not None and sound.version is not None:
            vector = np.frombuffer(sound.vector, "<f2").astype(np.float32)
            space = Space(sound.space, sound.version, vector.size)
            described[sound.id] = DescribedSound(space, vector, sound.measured)
    return described


async def create_query_sound(
    principal: Principal, upload: str, *, database: Database, uploads: Uploads, policy: Policy
) -> QuerySoundRow:
    """Join the parts of an upload and have it described; the same upload gives the same sound.

    Raises
    ------
    ProblemError
        There is no such upload, it is too large, was used for something else, or parts of it are
        missing; or too many sounds are being described.
    """
    async with database.session() as session:
        row = await Repository(session, principal).upload(upload, Action.WRITE)
        sound = await OwnedRows(session, QuerySoundRow, principal.owner).get(upload)
    if sound is not None:
        return sound
    if row.size > MAX_QUERY_SOUND_BYTES:
        detail = (
            f"A sound to search by has at most {MAX_QUERY_SOUND_BYTES:,} bytes and "
            f"{MAX_QUERY_SOUND_SECONDS:g} s; this file has {row.size:,} bytes. Send a part of it, "
            "or upload it as an item and search by that."
        )
        raise ProblemError(
            ProblemCode.TOO_LARGE,
            detail,
            fields=(FieldProblem(field="body.upload", message="too large to search by"),),
        )
    if row.state == UploadState.COMPLETED:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            "This upload has become an item. Search by its item: `item` of the upload.",
        )
    await uploads.join(principal, upload)
    async with database.transaction() as session:
        return await _create(session, principal, upload, policy=policy)


async def _create(
    session: AsyncSession, principal: Principal, upload: str, *, policy: Policy
) -> QuerySoundRow:
    owner = principal.owner
    await hold_owner(session, owner)
    row = await Repository(session, principal).upload(upload, Action.WRITE, hold=True)
    sounds = OwnedRows(session, QuerySoundRow, owner)
    if (sound := await sounds.get(upload)) is not None:
        return sound
    if row.state not in (OPENING, UploadState.OPEN):
        raise ProblemError(
            ProblemCode.WRONG_STATE, "This upload is not open any more; begin a new one."
        )
    await _make_room(session, owner)
    now = await database_of(session).time(session)
    sound = sounds.add(
        QuerySoundRow(
            id=row.id,
            owner=owner,
            name=row.name,
            state=QuerySoundState.WAITING.value,
            object_key=row.object_key,
            created=now,
            expires=now + LASTS,
        )
    )
    await session.flush()
    await create(session, OwnerId(owner), _ingest(row), policy=policy)
    row.state = UploadState.COMPLETED.value
    await session.flush()
    # It no longer counts, neither as an upload nor as an original.
    await change(session, owner, uploads=-row.size)
    return sound


async def _make_room(session: AsyncSession, owner: str) -> None:
    """Let the oldest query sounds of an account expire; refuse more that wait for a worker."""
    row, database = QuerySoundRow, database_of(session)
    mine = (col(row.owner) == owner, col(row.expires) > database.now())
    waiting = select(func.count()).where(*mine, col(row.state) == QuerySoundState.WAITING)
    if (await session.execute(waiting)).scalar_one() >= MAX_WAITING:
        raise ProblemError(
            ProblemCode.TOO_MANY_REQUESTS,
            f"{MAX_WAITING} sounds of yours are being described. Wait until one of them is ready.",
            retry_after=5,
        )
    newest = (
        select(col(row.id))
        .where(*mine)
        .order_by(col(row.created).desc(), col(row.id).desc())
        .limit(MAX_QUERY_SOUNDS - 1)
    )
    kept = list(await session.scalars(newest))
    await session.execute(
        update(row)
        .where(*mine, col(row.id).not_in(kept))
        .values(expires=database.now())
        .execution_options(synchronize_session=False)
    )


def _ingest(row: UploadRow) -> NewJob:
    source = InputRef(
        subject=query_subject(row.id),
        kind=ArtifactKind.ORIGINAL,
        name="original.bin",
        bucket=Bucket.ORIGINALS.value,
        key=row.object_key,
        size=row.size,
        sha256=row.sha256,
    )
    return NewJob(
        subject=query_subject(row.id),
        task=UPLOAD_TASK,
        params=IngestParams(max_duration=MAX_QUERY_SOUND_SECONDS).model_dump(mode="json"),
        inputs=(source,),
        start_to_close_timeout=TASKS[UPLOAD_TASK].timeout(0.0),
        first=True,
        # `_make_room` limits them, and nothing of it is stored for long.
        admitted=True,
    )


def query_subject(id_: str) -> Subject:
    """Return the subject of a query sound."""
    return Subject(kind=SubjectKind.QUERY_SOUND, id=SubjectId(id_))


async def read_query_sound(
    principal: Principal, id_: str, *, database: Database, wait: Seconds
) -> QuerySoundRow:
    """Return a query sound, as soon as it is described or after `wait` seconds.

    Raises
    ------
    ProblemError
        There is no such sound, or it has expired.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        async with database.session() as session:
            row = await QuerySoundRepository(session, principal).sound(id_, Action.READ)
        if row.state != QuerySoundState.WAITING or loop.time() >= until:
            return row
        await asyncio.sleep(POLL)


async def expire_query_sound(session: AsyncSession, principal: Principal, id_: str) -> None:
    """Let a query sound expire now; what belongs to it is removed in the background."""
    await hold_owner(session, principal.owner)
    row = await QuerySoundRepository(session, principal).sound(id_, Action.WRITE)
    row.expires = await database_of(session).time(session)


def query_sound_to_api(row: QuerySoundRow) -> QuerySound:
    """Return a query sound as the API shows it."""
    return QuerySound(
        id=QuerySoundId(row.id),
        name=row.name,
        state=QuerySoundState(row.state),
        reason=row.reason,
        expires=row.expires,
    )
