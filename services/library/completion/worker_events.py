"""What workers say on `jobs.events`, applied to the job table: each event once, if it still counts.

A worker's word counts while its epoch is the one that runs. The inbox drops a second delivery; its
row is written after the job's is held, so that transactions and a job's events keep one order.
"""

import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import Executable, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.jobs import (
    JobCompleted,
    JobFailed,
    JobReleased,
    JobSkipped,
    JobState,
)
from contracts.topics import JOBS_EVENTS
from kit.bus.base import AnyEvent, Bus, Consumer, RetryLater
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.database.upsert import insert_into
from kit.objects.base import ObjectError, ObjectStore
from services.library.completion import results
from services.library.completion.effects import RoomGone
from services.library.events.tables import InboxRow
from services.library.jobs import outcomes
from services.library.jobs.locks import hold_owner_of
from services.library.jobs.policy import Policy
from services.library.jobs.tables import JobRow

log = logging.getLogger(__name__)

GROUP = "library"
Change = Callable[[AsyncSession], Awaitable[JobRow | None]]


class _SeenBefore(Exception):
    """The event was handled already; what this delivery did is undone."""


class JobEvents:
    """The handler of `jobs.events`."""

    def __init__(self, database: Database, objects: ObjectStore, *, policy: Policy) -> None:
        self._database = database
        self._objects = objects
        self._policy = policy

    def consumer(self, bus: Bus) -> Consumer:
        """Return a member of the library's group that hands events to this handler."""
        return bus.consumer(JOBS_EVENTS, group=GROUP, handler=self)

    async def __call__(self, event: AnyEvent) -> None:
        """Apply one event.

        Raises
        ------
        RetryLater
            The database or the store is away.
        """
        try:
            change = await self._change(event.data)
            if change is not None:
                await self._apply(event, change)
        except (DatabaseUnavailable, ObjectError) as error:
            raise RetryLater(str(error)) from error

    async def _change(self, message: object) -> Change | None:
        """Return the change that an event requests, or nothing."""
        match message:
            case JobCompleted():
                return await self._completion(message)
            case JobSkipped():
                return lambda session: outcomes.skip(
                    session,
                    message.job,
                    message.epoch,
                    producer=message.producer,
                    reason=message.reason,
                )
            case JobFailed():
                return lambda session: outcomes.fail(session, message, policy=self._policy)
            case JobReleased():
                return lambda session: outcomes.release(session, message.job, message.epoch)
        raise TypeError(f"{type(message).__name__} is not an event of a worker")

    async def _completion(self, completed: JobCompleted) -> Change | None:
        """Read a manifest before anything is held; one that nobody waits for is not read."""
        if (inlined := completed.manifest) is not None:
            if (inlined.job, inlined.epoch) != (completed.job, completed.epoch):
                raise results.NoManifest(
                    f"the inlined manifest belongs to {inlined.job}, epoch {inlined.epoch}"
                )
            return lambda session: results.apply(session, inlined, policy=self._policy)
        query = select(JobRow).where(
            col(JobRow.id) == completed.job,
            col(JobRow.epoch) == completed.epoch,
            col(JobRow.state) == JobState.RUNNING,
        )
        async with self._database.session() as session:
            row = (await session.scalars(query)).one_or_none()
        if row is None:
            return None
        manifest = await results.read_manifest(
            self._objects, row, completed.epoch, sha256=completed.manifest_sha256
        )
        return lambda session: results.apply(session, manifest, policy=self._policy)

    async def _apply(self, event: AnyEvent, change: Change) -> None:
        try:
            async with self._database.transaction() as session:
                await hold_owner_of(session, event.data.job)
                row = await change(session)
                await self._note(session, event)
                if row is None:
                    log.info("%s came too late and changes nothing", event.type)
        except RoomGone:
            await self._apply(event, change)
        except _SeenBefore:
            log.info("%s %s was handled before", event.type, event.id)

    async def _note(self, session: AsyncSession, event: AnyEvent) -> None:
        statement = self._database.prepared("note", lambda: _noting(self._database))
        if (await session.execute(statement, {"noted": event.id})).scalar_one_or_none() is None:
            raise _SeenBefore


def _noting(database: Database) -> Executable:
    statement = insert_into(database, InboxRow.metadata.tables["inbox"])
    values = statement.values(consumer=GROUP, event=bindparam("noted"), received=database.now())
    return values.on_conflict_do_nothing().returning(col(InboxRow.event))
