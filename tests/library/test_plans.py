"""Lists and gauges read what they show, not what there is: how databases mean to do it.

The statements are those that routes and gauges send; each is explained on tables that are full.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, text

from contracts.subjects import Subject
from kit.clock import new_id
from services.library.jobs.subjects import subject_columns
from services.library.maintenance.gauges import SAMPLE, Gauges
from services.library.tables import METADATA
from tests.library.catalogue import Catalogue, User, open_catalogue
from tests.library.lock_order import without_lock_checks

ROWS = 6_000
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARENT = new_id()
_RUN = "EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) "


@pytest.fixture
async def full_catalogue(library_url: str, tmp_path: Path) -> AsyncIterator[Catalogue]:
    """A library with one owner who has very much, and events of it."""
    async with open_catalogue(library_url, tmp_path) as catalogue:
        user = catalogue.user()
        await catalogue.database.run_sync(
            without_lock_checks(lambda connection: _fill(connection, user.owner))
        )
        yield catalogue


def _fill(connection: Connection, owner: str) -> None:
    items = [PARENT, *(new_id() for _ in range(ROWS))]
    times = [NOON + timedelta(seconds=n) for n in range(ROWS + 1)]
    tables = METADATA.tables
    connection.execute(
        insert(tables["items"]).values(owner=owner, labels={}, search="", name="n"),
        [
            {"id": id_, "kind": "sample", "state": "ready", "created": at, "updated": at,
             "parent": PARENT if n and n % 2 else None}
            for n, (id_, at) in enumerate(zip(items, times, strict=True))
        ],
    )  # fmt: skip
    connection.execute(
        insert(tables["runs"]).values(
            owner=owner, spec={}, state="succeeded", priority="interactive", force=False,
            steps={}, cancel_requested=False, traceparent="",
        ),
        [{"id": new_id(), "item": i, "created": at} for i, at in zip(items, times, strict=True)],
    )  # fmt: skip
    connection.execute(
        insert(tables["jobs"]).values(
            owner=owner, state="succeeded", priority="interactive", params={}, params_sha256="",
            inputs=[], inputs_sha256="", epoch=1, attempt=1, retries=0, crashes=0, lost=0, seq=3,
            start_to_close_timeout=1.0, cancel_requested=False, progress={}, detail="",
            traceparent="",
        ),
        [
            {"id": new_id(), **subject_columns(Subject.of_item(i)),
             "task": "midi" if n % 2 else "slicing", "created": at, "finished": at,
             **dict.fromkeys(("not_before", "queued"), at),
             "schedule_to_start_deadline": at, "schedule_to_close_deadline": at}
            for n, (i, at) in enumerate(zip(items, times, strict=True))
        ],
    )  # fmt: skip
    connection.execute(
        insert(tables["events"]).values(
            xid=1, topic="library.events", type="job.succeeded", data={}, owner=owner,
            traceparent="",
        ),
        [
            {"id": new_id(), "key": i, "event_subject": i, "time": at, "published": at, "job": i}
            for i, at in zip(items, times, strict=True)
        ],
    )  # fmt: skip
    connection.execute(
        insert(tables["uploads"]).values(
            owner=owner, state="completed", name="n", size=1, sha256="", labels={},
            object_key="", reference="", part_size=1, duplicate=False,
        ),
        [{"id": new_id(), "created": at, "expires": at} for at in times],
    )  # fmt: skip
    connection.execute(
        insert(tables["artifacts"]).values(
            owner=owner, kind="canonical", name="n", media_type="audio/flac", size=1, sha256="",
            bucket="derived", object_key="o/i/k",
        ),
        [
            {"id": new_id(), **subject_columns(Subject.of_item(i)), "created": at}
            for i, at in zip(items, times, strict=True)
        ],
    )  # fmt: skip
    if connection.dialect.name == "postgresql":
        # Its own daemon does so after a while; SQLite is never told.
        connection.execute(text("ANALYZE"))


LISTS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("/items", {}, "ix_items_page"),
    ("/items", {"kind": "stem"}, "ix_items_kind"),
    ("/items", {"kind": "sample"}, "ix_items_kind"),
    ("/items", {"state": "rejected"}, "ix_items_state"),
    ("/items", {"parent": PARENT}, "ix_items_parent"),
    ("/jobs", {}, "ix_jobs_page"),
    ("/jobs", {"task": "midi"}, "ix_jobs_task"),
    ("/jobs", {"task": "separation"}, "ix_jobs_task"),
    ("/jobs", {"state": "failed"}, "ix_jobs_state"),
    ("/jobs", {"task": "midi", "state": "failed"}, "ix_jobs_task_state"),
    ("/jobs", {"task": "midi", "state": "succeeded"}, "ix_jobs_task_state"),
    ("/runs", {"state": "failed"}, "ix_runs_state"),
)
LIMIT = 50


async def test_a_list_is_read_as_it_lies_whatever_it_is_narrowed_by(
    full_catalogue: Catalogue,
) -> None:
    (owner,) = {principal.owner for principal in full_catalogue.principals.values()}
    user: User = full_catalogue.user(owner=owner)
    for path, query, index in LISTS:
        with statements(path[1:]) as sent:
            answer = await user.http.get(f"/v1{path}", params={**query, "limit": LIMIT})
        assert answer.status_code == 200, answer.text
        for plan in await query_plans(full_catalogue, sent):
            if full_catalogue.database.sqlite:
                assert f"SEARCH {path[1:]} USING INDEX {index} " in plan
                assert "TEMP B-TREE FOR ORDER BY" not in plan
            else:
                assert rows_read(plan) <= LIMIT + 1, plan


async def test_gauges_read_what_is_live_or_recent(full_catalogue: Catalogue) -> None:
    gauges = Gauges(
        full_catalogue.database, full_catalogue.objects, policy=full_catalogue.server.policy
    )
    with statements("jobs", "events", "uploads", "artifacts") as sent:
        await gauges.measure()
    plans = await query_plans(full_catalogue, sent)
    assert len(plans) >= 8
    for plan in plans:
        if full_catalogue.database.sqlite:
            scanned = re.findall(r"SCAN (?:jobs|events|uploads|artifacts)\b.*", plan)
            # These hold what is live only.
            live = r"USING (COVERING )?INDEX ix_jobs_(queued|running)$"
            assert all(re.search(live, scan) for scan in scanned), plan
        else:
            assert rows_read(plan) <= SAMPLE, plan


def rows_read(plan: str) -> int:
    """Return the most rows that Postgres touched at any place of a plan that it ran."""
    kept = re.findall(r"actual rows=([\d.]+)", plan)
    dropped = re.findall(r"Rows Removed by \w+: (\d+)", plan)
    return max(round(float(n)) for n in (*kept, *dropped))


@contextmanager
def statements(*tables: str) -> Iterator[list[tuple[str, Sequence[Any]]]]:
    """Collect the statements that read tables."""
    sent: list[tuple[str, Sequence[Any]]] = []

    def note(connection: object, cursor: object, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH")) and any(
            f"FROM {t}" in statement for t in tables
        ):
            sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def query_plans(
    full_catalogue: Catalogue, sent: list[tuple[str, Sequence[Any]]]
) -> list[str]:
    """Return how the database means to run statements."""
    how = "EXPLAIN QUERY PLAN " if full_catalogue.database.sqlite else _RUN
    assert sent

    def ask(connection: Connection) -> list[str]:
        return [
            "\n".join(
                str(row[-1]) for row in connection.exec_driver_sql(how + statement, parameters)
            )
            for statement, parameters in sent
        ]

    return await full_catalogue.database.run_sync(ask)
