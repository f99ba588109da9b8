"""What is large is deleted, cancelled and stored piece by piece: none holds the server up.

How long one holds the loop, and SQLite's one writer, is measured as work: the statements that it
runs and the rows that it writes. Both say the same on any machine, however busy.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, insert, select
from sqlmodel import col

from contracts.ids import ItemId, JobId, OwnerId
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import TaskName
from contracts.music import Stem
from contracts.objects import attempt_prefix
from contracts.subjects import Subject
from kit.clock import new_id
from services.library.catalogue.items import mark_deleted
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import DeletionRow, ItemRow
from services.library.deletions.deletions import Deletions
from services.library.events.tables import EventRow
from services.library.jobs.subjects import subject_columns
from services.library.jobs.tables import JobRow
from services.library.tables import METADATA
from tests.library.catalogue import SLICING, Catalogue, User, WorkerFile, separated, stems
from tests.library.lock_order import without_lock_checks

CHILDREN = 600
STATEMENTS, ROWS = 150, 2500
"""What one transaction may take."""


@dataclass
class Work:
    """What transactions did that wrote anything."""

    statements: list[int] = field(default_factory=lambda: [0])
    rows: list[int] = field(default_factory=lambda: [0])

    def check(self) -> None:
        assert max(self.statements) <= STATEMENTS, self.statements
        assert max(self.rows) <= ROWS, self.rows


@contextmanager
def counting_work() -> Iterator[Work]:
    """Count the work of each transaction."""
    work = Work()

    def begin(connection: Connection) -> None:
        work.statements.append(0)
        work.rows.append(0)

    def after(
        connection: object, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        work.statements[-1] += 1
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            # SQLite does not count the rows of many sets of parameters that return nothing.
            work.rows[-1] += cursor.rowcount if cursor.rowcount >= 0 else len(parameters) * many

    event.listen(Engine, "begin", begin)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield work
    finally:
        event.remove(Engine, "begin", begin)
        event.remove(Engine, "after_cursor_execute", after)


@pytest.fixture
async def owner_of_large_item(catalogue: Catalogue) -> tuple[User, str]:
    """An owner with an item of many children, each with a file and a job; most jobs are live."""
    user = catalogue.user()
    song = await user.track()

    def fill(connection: Connection) -> None:
        now = datetime.now(UTC)
        ids = [new_id() for _ in range(CHILDREN)]
        tables = METADATA.tables
        folder = attempt_prefix(
            OwnerId(user.owner), Subject.of_item(song), TaskName.SLICING, JobId(new_id()), 1
        )
        connection.execute(
            insert(tables["items"]).values(
                owner=user.owner, kind="sample", state="ready", name="n", labels={}, search="",
                parent=song, created=now, updated=now,
            ),
            [{"id": id_} for id_ in ids],
        )  # fmt: skip
        connection.execute(
            insert(tables["artifacts"]).values(
                owner=user.owner, kind="canonical", name="n", media_type="audio/flac", size=1,
                sha256="0" * 64, bucket="derived", created=now,
            ),
            [
                {
                    "id": new_id(),
                    **subject_columns(Subject.of_item(item)),
                    "object_key": f"{folder}{n}.flac",
                }
                for n, id_ in enumerate(ids)
                for item in (id_, song)
            ],
        )  # fmt: skip
        connection.execute(
            insert(tables["jobs"]).values(
                owner=user.owner, priority="batch", params={}, params_sha256="", inputs=[],
                inputs_sha256="", epoch=0, attempt=0, retries=0, crashes=0, lost=0, seq=1,
                start_to_close_timeout=1.0, cancel_requested=False, progress={}, detail="",
                traceparent="", task="midi", created=now, not_before=now, queued=now,
                schedule_to_start_deadline=now, schedule_to_close_deadline=now,
            ),
            [
                {
                    "id": new_id(),
                    **subject_columns(Subject.of_item(item)),
                    "state": "queued" if n < 30 else "succeeded",
                }
                for n, id_ in enumerate(ids)
                for item in (id_, song)
            ],
        )  # fmt: skip

    await catalogue.database.run_sync(without_lock_checks(fill))
    return user, song


async def test_a_large_tree_goes_piece_by_piece(
    catalogue: Catalogue, owner_of_large_item: tuple[User, str]
) -> None:
    user, song = owner_of_large_item
    other = await catalogue.user().track()
    with counting_work() as work:
        await Deletions(catalogue.database, catalogue.server.vectors, patience=3600.0).delete_item(
            _principal(catalogue), ItemId(song)
        )
    work.check()
    assert await row_counts(catalogue, user) == {}
    async with catalogue.database.session() as session:
        deleted = list(
            await session.scalars(
                select(col(EventRow.event_subject))
                .where(col(EventRow.type) == "item.deleted")
                .order_by(col(EventRow.seq))
            )
        )
        assert len(deleted) == len(set(deleted)) == CHILDREN + 1
        assert deleted[-1] == song
        assert list(await session.scalars(select(col(ItemRow.id)))) == [other]
    assert (await user.http.get(f"/v1/items/{song}")).status_code == 404


async def test_a_deletion_that_was_cut_off_is_finished_in_the_background(
    catalogue: Catalogue, owner_of_large_item: tuple[User, str]
) -> None:
    user, song = owner_of_large_item
    data = b"a song" * 1000
    with counting_work() as work:
        # Nobody waits for more than the first piece.
        deletions = Deletions(catalogue.database, catalogue.server.vectors, patience=0.0)
        await deletions.delete_item(_principal(catalogue), ItemId(song))
        assert (await user.http.get(f"/v1/items/{song}")).status_code == 404
        assert song not in {i["id"] for i in (await user.get("/items", state="ready"))["items"]}
        assert (await user.http.delete(f"/v1/items/{song}?permanently=true")).status_code == 404
        assert await row_counts(catalogue, user) != {}
        # The same bytes are welcome again, as a new item.
        assert (await user.upload(data))["item"] != song
        stopping = asyncio.Event()
        running = asyncio.create_task(deletions.run(stopping))
        # It was told of what is left, and looks again when it has done that.
        async with asyncio.timeout(50):
            async for _ in _polls(catalogue):
                pass
        stopping.set()
        await running
    work.check()
    assert (await row_counts(catalogue, user))["items"] == 1


async def test_nobody_finds_what_belongs_to_an_item_that_is_marked(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song, other = await user.track(), await user.track(b"another song" * 1000)
    ids: dict[str, list[str]] = {"items": [], "jobs": [], "runs": [], "artifacts": []}
    for root in (song, other):
        await user.post("/jobs", {"item": root, "task": "separation"})
        await catalogue.finish(
            await catalogue.claim(TaskName.SEPARATION), separated(), stems(Stem.DRUMS)
        )
        (drums,) = (await user.get("/items", parent=root))["items"]
        ids["items"] += [root, drums["id"]]
        ids["jobs"].append((await user.post("/jobs", {"item": drums["id"], "task": "midi"}))["id"])
        ids["runs"].append((await user.post("/runs", {"item": root, "pipeline": "midi"}))["id"])
        files = (await user.get(f"/items/{drums['id']}/artifacts"))["items"]
        ids["artifacts"].append(files[0]["id"])

    async with catalogue.database.transaction() as session:
        await mark_deleted(Repository(session, _principal(catalogue)), song)

    for kind, kind_ids in ids.items():
        gone, kept = kind_ids[: len(kind_ids) // 2], kind_ids[len(kind_ids) // 2 :]
        for id_ in gone:
            assert (await user.http.get(f"/v1/{kind}/{id_}")).status_code == 404, kind
        for id_ in kept:
            await user.get(f"/{kind}/{id_}")
        if kind != "artifacts":
            listed = {row["id"] for row in (await user.get(f"/{kind}"))["items"]}
            assert listed.isdisjoint(gone), kind
            assert listed.issuperset(kept), kind
    _, drums, *_ = ids["items"]
    assert (await user.get("/items", parent=song))["items"] == []
    body = {"item": drums, "task": "midi"}
    assert (await user.http.post("/v1/jobs", json=body)).status_code == 404
    assert (await user.http.delete(f"/v1/items/{drums}?permanently=true")).status_code == 404
    assert (await user.http.patch(f"/v1/items/{drums}", json={"name": "n"})).status_code == 404
    job, run, file = (ids[kind][0] for kind in ("jobs", "runs", "artifacts"))
    assert (await user.http.post(f"/v1/jobs/{job}/cancel")).status_code == 404
    assert (await user.http.post(f"/v1/runs/{run}/cancel")).status_code == 404
    assert (await user.http.get(f"/v1/artifacts/{file}/download")).status_code == 404


async def test_a_large_account_goes_piece_by_piece(
    catalogue: Catalogue, owner_of_large_item: tuple[User, str]
) -> None:
    user, _ = owner_of_large_item
    kept = await catalogue.user().track()
    with counting_work() as work:
        await Deletions(catalogue.database, catalogue.server.vectors, patience=0.0).delete_owner(
            OwnerId(user.owner)
        )
        assert await row_counts(catalogue, user) != {}
        await Deletions(catalogue.database, catalogue.server.vectors, patience=0.0).finish()
    work.check()
    assert await row_counts(catalogue, user) == {}
    assert not await deletion_rows(catalogue)
    async with catalogue.database.session() as session:
        assert list(await session.scalars(select(col(ItemRow.id)))) == [kept]


async def test_a_run_of_many_jobs_is_cancelled_piece_by_piece(
    catalogue: Catalogue, owner_of_large_item: tuple[User, str]
) -> None:
    user, song = owner_of_large_item
    run = await user.post("/runs", {"item": song, "pipeline": "midi"})

    def adopt(connection: Connection) -> None:
        table = METADATA.tables["jobs"]
        connection.execute(table.update().where(table.c.item == song).values(run=run["id"]))

    await catalogue.database.run_sync(without_lock_checks(adopt))
    with counting_work() as work:
        assert (await user.post(f"/runs/{run['id']}/cancel"))["state"] == "cancelled"
    work.check()
    async with catalogue.database.session() as session:
        live = select(func.count()).where(col(JobRow.run) == run["id"], JobRow.state == "queued")
        assert (await session.execute(live)).scalar_one() == 0


async def test_a_result_of_many_files_takes_few_statements(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "slicing"})
    claim = await catalogue.claim(TaskName.SLICING)
    files = {
        f"hit-{n:04d}.flac": WorkerFile(ArtifactKind.SAMPLE, item=ItemKind.SAMPLE, title=f"hit {n}")
        for n in range(300)
    }
    with counting_work() as work:
        await catalogue.finish(claim, SLICING, files)
    work.check()
    assert (await user.get(f"/items/{song}"))["state"] == "ready"


async def _polls(catalogue: Catalogue) -> AsyncIterator[None]:
    """Go on, looking often, for as long as a deletion is under way."""
    while await deletion_rows(catalogue):
        yield
        await asyncio.sleep(0.02)


async def deletion_rows(catalogue: Catalogue) -> list[DeletionRow]:
    async with catalogue.database.session() as session:
        return list(await session.scalars(select(DeletionRow)))


async def row_counts(catalogue: Catalogue, user: User) -> dict[str, int]:
    """Return how many rows of an owner there are, by table; events are kept for a while."""
    rows_by_table = {}
    async with catalogue.database.session() as session:
        for name in ("items", "artifacts", "jobs", "runs", "deletions"):
            table = METADATA.tables[name]
            counted = select(func.count()).where(table.c.owner == user.owner)
            if count := (await session.execute(counted)).scalar_one():
                rows_by_table[name] = count
    return rows_by_table


def _principal(catalogue: Catalogue) -> Any:
    return next(iter(catalogue.principals.values()))
