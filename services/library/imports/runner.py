"""Does the work of imports: reads files one after the other and makes items of them.

One library of a server leads. It makes steps of up to four imports of different accounts at a time,
of each the one that has waited longest; a step is one download, or a second of files of a pack.
Downloads go to files, and unpacking, digests and writes run in two threads, so nothing here holds
up the event loop (decision 25).
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from contracts.identity import Principal, Scope
from contracts.ids import OwnerId, UserId
from contracts.imports import ImportFileState, ImportState
from contracts.music import Seconds
from contracts.objects import Bucket
from contracts.problems import ProblemCode
from contracts.uploads import UploadState
from kit.clock import Clock
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from kit.http.errors import ProblemError
from kit.objects.base import ObjectError, ObjectMissing, ObjectStore
from services.library.background import lead, until
from services.library.catalogue.tables import UploadRow
from services.library.collections.repository import Collections
from services.library.imports.archive import BadArchive, BadEntry, Entry, ZipReader
from services.library.imports.events import emit_import_changed
from services.library.imports.files import FileDetails
from services.library.imports.imports import (
    IMPORTS,
    UNDER_WAY,
    end_import,
    file_values,
    make_collection,
)
from services.library.imports.pack import Pack, read_pack
from services.library.imports.storing import NotNow, Storing
from services.library.imports.tables import ImportFileRow, ImportRow
from services.library.imports.web import Web, WebError
from services.library.jobs.locks import hold_owner
from services.library.settings import LibrarySettings

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Imports that make a step at the same time."""
POLL: Seconds = 5.0
DOWNLOAD_TIMEOUT: Seconds = 900.0
MAX_TRIES = 4
PAUSE = timedelta(seconds=30)
"""Pause after an error of the store, or of an account that uploads too much at once."""
FIRST_PAUSE = timedelta(seconds=10)
"""Pause before the second try of a download, doubled with each further one."""
ROWS = 200
"""Files of a pack that one statement writes down."""
_INTERNAL = "Internal error: the server could not read this. Its log has the details."
STEP: Seconds = 1.0
"""Time after which a pack lets other imports go on."""

ReaderResult = TypeVar("ReaderResult")


@dataclass(frozen=True, slots=True)
class _OpenPack:
    archive: ZipReader
    folder: Path


class Importer:
    """Runs imports; of several libraries, one is active.

    Parameters
    ----------
    threads
        Runs what would hold up the event loop.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        storing: Storing,
        web: Web,
        *,
        threads: ThreadPoolExecutor,
        clock: Clock,
        settings: LibrarySettings,
    ) -> None:
        self._database = database
        self._objects = objects
        self._storing = storing
        self._web = web
        self._threads = threads
        self._clock = clock
        self._settings = settings
        self._steps: dict[str, asyncio.Task[None]] = {}
        self._packs: dict[str, _OpenPack] = {}
        self._stepping: set[str] = set()
        """Imports whose step goes on."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Run imports until `stopping` is set."""
        try:
            await until(stopping, lead(self._database, IMPORTS, IMPORTS, self.act, poll=POLL))
        finally:
            for task in self._steps.values():
                task.cancel()
            await asyncio.gather(*self._steps.values(), return_exceptions=True)
            for id_ in list(self._packs):
                await self._close(id_)

    async def act(self) -> bool:
        """Start steps of imports that are due, and wait for one; return whether there was any."""
        await self._close_ended()
        for row in await self._due():
            if row.owner not in self._steps and len(self._steps) < AT_ONCE:
                self._steps[row.owner] = asyncio.create_task(self._step(row))
        if not self._steps:
            return False
        done, _ = await asyncio.wait(
            self._steps.values(), timeout=POLL, return_when=asyncio.FIRST_COMPLETED
        )
        for owner in [owner for owner, task in self._steps.items() if task in done]:
            # An error of the database ends the leadership, which begins again after a pause.
            self._steps.pop(owner).result()
        return True

    async def _due(self) -> list[ImportRow]:
        """Return the imports that may make a step: of each owner the one that waited longest."""
        rank = func.row_number().over(
            partition_by=col(ImportRow.owner), order_by=(col(ImportRow.due), col(ImportRow.id))
        )
        ranked = (
            select(col(ImportRow.id).label("id"), rank.label("rank"))
            .where(col(ImportRow.state).in_(UNDER_WAY), col(ImportRow.due) <= self._database.now())
            .where(col(ImportRow.owner).not_in(self._steps))
            .subquery()
        )
        query = (
            select(ImportRow)
            .join(ranked, ranked.c.id == col(ImportRow.id))
            .where(ranked.c.rank == 1)
            .order_by(col(ImportRow.due), col(ImportRow.id))
            .limit(AT_ONCE)
        )
        async with self._database.session() as session:
            return list(await session.scalars(query))

    async def _step(self, row: ImportRow) -> None:
        """Make one step of an import; errors of its file, of the web and of the store end here."""
        principal = self._principal(row)
        self._stepping.add(row.id)
        try:
            if row.upload is not None:
                await self._step_of_pack(principal, row)
            else:
                await self._step_of_downloads(principal, row)
        except BadArchive as error:
            await self._end(principal, row, ImportState.FAILED, failure=str(error))
        except (ObjectError, NotNow, OSError) as error:
            log.warning("the import %s waits: %s", row.id, error)
            await self._later(row, PAUSE)
        except (DatabaseUnavailable, SQLAlchemyError):
            raise
        except Exception:
            # One archive or answer that nobody thought of must not stop the imports of others.
            log.exception("the import %s failed", row.id)
            await self._end(principal, row, ImportState.FAILED, failure=_INTERNAL)
        finally:
            self._stepping.discard(row.id)

    def _principal(self, row: ImportRow) -> Principal:
        """Return the owner of an import as who acts: an import was asked for with a scope."""
        return Principal(
            user=UserId(row.owner),
            owner=OwnerId(row.owner),
            scopes=frozenset({Scope.READ, Scope.WRITE}),
            token=row.id,
            expires=self._clock.now() + timedelta(hours=1),
        )

    async def _step_of_downloads(self, principal: Principal, row: ImportRow) -> None:
        file = await self._next(row)
        if file is None:
            await self._end(principal, row, ImportState.FINISHED)
            return
        folder = await self._folder()
        try:
            path = folder / "file"
            got = await self._web.download(
                file.source, path, limit=self._settings.upload_bytes, timeout=DOWNLOAD_TIMEOUT
            )
            await self._store(principal, file, path, size=got.size, sha256=got.sha256)
        except WebError as error:
            if error.passing and file.tries + 1 < MAX_TRIES:
                await self._try_again(row, file)
                return
            await self._storing.refuse(principal, file, str(error))
        finally:
            await self._run(shutil.rmtree, folder, True)
        await self._progress(principal, row)

    async def _step_of_pack(self, principal: Principal, row: ImportRow) -> None:
        opened = await self._open(row)
        if not await self._listed(row):
            await self._list(principal, row, opened.archive)
        loop = asyncio.get_running_loop()
        until_ = loop.time() + STEP
        while True:
            file = await self._next(row)
            if file is None:
                await self._end(principal, row, ImportState.FINISHED)
                return
            path = opened.folder / "file"
            try:
                unpacked = await self._run(
                    opened.archive.unpack, int(file.source), path, self._settings.upload_bytes
                )
                await self._store(principal, file, path, size=unpacked.size, sha256=unpacked.sha256)
            except BadEntry as error:
                await self._storing.refuse(principal, file, str(error))
            if loop.time() > until_:
                await self._progress(principal, row)
                return

    async def _store(
        self, principal: Principal, file: ImportFileRow, path: Path, *, size: int, sha256: str
    ) -> None:
        try:
            await self._storing.store(principal, file, path, size=size, sha256=sha256)
        except ProblemError as problem:
            if problem.code is ProblemCode.TOO_MANY_REQUESTS:
                raise NotNow(problem.detail) from problem
            await self._storing.refuse(principal, file, problem.detail)

    async def _open(self, row: ImportRow) -> _OpenPack:
        """Return the opened archive of a pack, fetched from the store if this process lacks it.

        Raises
        ------
        BadArchive
        ObjectError
        """
        if (opened := self._packs.get(row.id)) is not None:
            return opened
        query = select(UploadRow).where(
            col(UploadRow.id) == row.upload, col(UploadRow.owner) == row.owner
        )
        async with self._database.session() as session:
            upload = (await session.scalars(query)).one_or_none()
        if upload is None or upload.state != UploadState.OPEN:
            raise BadArchive("The upload of the pack is gone; upload it again.")
        folder = await self._folder()
        try:
            path = folder / "pack.zip"
            await self._objects.get_file(
                Bucket.ORIGINALS, upload.object_key, path, sha256=upload.sha256
            )
            archive = await self._run(ZipReader, path)
        except ObjectMissing:
            await self._run(shutil.rmtree, folder, True)
            raise BadArchive("The bytes of the pack are gone; upload it again.") from None
        except BaseException:
            await self._run(shutil.rmtree, folder, True)
            raise
        opened = self._packs[row.id] = _OpenPack(archive, folder)
        return opened

    async def _listed(self, row: ImportRow) -> bool:
        query = select(col(ImportFileRow.position)).where(col(ImportFileRow.import_id) == row.id)
        async with self._database.session() as session:
            return (await session.scalars(query.limit(1))).first() is not None

    async def _list(self, principal: Principal, row: ImportRow, archive: ZipReader) -> None:
        """Write the files of a pack down, with the collection that they go to.

        Raises
        ------
        BadArchive
            It holds no file.
        """
        pack = await self._run(read_pack, archive, row.title)
        if not pack.files:
            raise BadArchive("The archive holds no file.")
        rows = await self._run(_rows, row, pack)
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            held = await session.get(ImportRow, row.id)
            if held is None or held.state not in UNDER_WAY:
                return
            held.title, held.state = pack.title, ImportState.RUNNING.value
            if held.collection is None:
                try:
                    held.collection = await make_collection(
                        Collections(session, principal),
                        pack.title,
                        pack.note,
                        max_collections=self._settings.owner_collections,
                    )
                except ProblemError as problem:
                    raise BadArchive(problem.detail) from problem
            statement = insert(ImportFileRow.metadata.tables["import_files"])
            for start in range(0, len(rows), ROWS):
                await session.execute(statement, rows[start : start + ROWS])
            await session.flush()
            await emit_import_changed(session, held)

    async def _next(self, row: ImportRow) -> ImportFileRow | None:
        """Return the next file: one that was not tried before, if there is any."""
        query = (
            select(ImportFileRow)
            .join(ImportRow, col(ImportRow.id) == col(ImportFileRow.import_id))
            .where(
                col(ImportFileRow.import_id) == row.id,
                col(ImportFileRow.state) == ImportFileState.WAITING,
                col(ImportRow.state).in_(UNDER_WAY),
            )
            .order_by(col(ImportFileRow.tries), col(ImportFileRow.position))
            .limit(1)
        )
        async with self._database.session() as session:
            return (await session.scalars(query)).one_or_none()

    async def _try_again(self, row: ImportRow, file: ImportFileRow) -> None:
        """Let a download be tried again, after the other files and a pause."""
        tried = (
            update(ImportFileRow)
            .where(
                col(ImportFileRow.import_id) == file.import_id,
                col(ImportFileRow.position) == file.position,
            )
            .values(tries=file.tries + 1)
            .execution_options(synchronize_session=False)
        )
        async with self._database.transaction() as session:
            await session.execute(tried)
        following = await self._next(row)
        fresh = following is not None and following.tries <= file.tries
        await self._later(row, timedelta() if fresh else FIRST_PAUSE * 2**file.tries)

    async def _later(self, row: ImportRow, pause: timedelta) -> None:
        later = (
            update(ImportRow)
            .where(col(ImportRow.id) == row.id)
            .values(due=self._database.now(offset=pause))
            .execution_options(synchronize_session=False)
        )
        async with self._database.transaction() as session:
            await session.execute(later)

    async def _progress(self, principal: Principal, row: ImportRow) -> None:
        """Let other imports have their turn, and report how far this one is."""
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            held = await session.get(ImportRow, row.id)
            if held is None or held.state not in UNDER_WAY:
                return
            held.state = ImportState.RUNNING.value
            held.due = held.updated = await self._database.time(session)
            await session.flush()
            await emit_import_changed(session, held)

    async def _end(
        self,
        principal: Principal,
        row: ImportRow,
        state: ImportState,
        *,
        failure: str | None = None,
    ) -> None:
        """End an import that has not ended, and let go of its archive."""
        await self._close(row.id)
        async with self._database.transaction() as session:
            await hold_owner(session, principal.owner)
            held = await session.get(ImportRow, row.id)
            if held is not None and held.state in UNDER_WAY:
                await end_import(session, held, state, failure=failure)

    async def _close_ended(self) -> None:
        """Let go of the archives of imports that were cancelled or deleted."""
        if not self._packs:
            return
        query = select(col(ImportRow.id)).where(
            col(ImportRow.id).in_(self._packs), col(ImportRow.state).in_(UNDER_WAY)
        )
        async with self._database.session() as session:
            kept = set(await session.scalars(query))
        for id_ in self._packs.keys() - kept - self._stepping:
            await self._close(id_)

    async def _close(self, id_: str) -> None:
        if (opened := self._packs.pop(id_, None)) is not None:
            await self._run(opened.archive.close)
            await self._run(shutil.rmtree, opened.folder, True)

    async def _folder(self) -> Path:
        return Path(await self._run(tempfile.mkdtemp))

    async def _run(self, function: Callable[..., ReaderResult], *arguments: object) -> ReaderResult:
        """Call a function in one of the two threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def _rows(row: ImportRow, pack: Pack) -> list[Mapping[str, object]]:
    return [_values(row, entry, details) for entry, details in pack.files]


def _values(row: ImportRow, entry: Entry, details: FileDetails) -> Mapping[str, object]:
    state = ImportFileState.WAITING
    if entry.refusal or entry.skipped:
        state = ImportFileState.REFUSED if entry.refusal else ImportFileState.SKIPPED
    return file_values(
        row,
        entry.position,
        name=entry.name,
        source=str(entry.position),
        details=details.model_dump(mode="json"),
        state=state,
        reason=entry.refusal or entry.skipped or None,
    )
