"""What administrators see of the library, and what owners see of its queues."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from contracts.envelope import Event
from contracts.identity import Scope
from contracts.ids import JobId, WorkerId
from contracts.jobs import (
    ClaimRequest,
    FailureKind,
    JobFailed,
    JobQuarantined,
    JobReleased,
    Reason,
    TaskName,
    WorkerInfo,
)
from contracts.topics import DEAD_LETTERS, JOBS_EVENTS
from contracts.weights import ModelWeights
from kit.bus.codec import encode
from kit.bus.dead_letters import pack
from kit.bus.records import DeadLetterRecord
from kit.clock import new_id
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.estimates.queue_times import Capacity, expected_start
from services.library.estimates.run_times import RunTime, fit, measure_run_times
from services.library.jobs import claims
from services.library.jobs.locks import hold_owner_of
from services.library.jobs.outcomes import fail
from services.library.jobs.tables import JobRow, WorkerRow
from services.library.maintenance.cleanup import WORKERS_KEPT
from tests.library.catalogue import MIDI, MIDI_FILES, Catalogue, User, producer_of
from tests.support.events import make_event

ADMIN = frozenset({Scope.ADMIN})
BASIC_PITCH = ModelWeights(
    name="basic-pitch",
    version="1",
    licence="Apache-2.0",
    source="https://example.org/model",
    bytes=100,
    default=True,
    installed=True,
)


async def poll(
    catalogue: Catalogue, *, worker: str | None = None, host: str = "studio", slots: int = 2
) -> str:
    """Let a worker of the task `midi` claim jobs, describing itself; return its id."""
    worker = worker or new_id()
    missing = BASIC_PITCH.model_copy(update={"name": "other", "installed": False})
    about = WorkerInfo(host=host, device="cpu", slots=slots, models=(BASIC_PITCH, missing))
    request = ClaimRequest(
        task=TaskName.MIDI,
        worker=WorkerId(worker),
        producer=producer_of(TaskName.MIDI),
        about=about,
    )
    async with catalogue.database.transaction() as session:
        policy = catalogue.server.policy
        await claims.claim(session, request, policy=policy, subjects=ITEM_SUBJECTS)
    return worker


async def age(catalogue: Catalogue, worker: str, by: timedelta) -> None:
    """Make a worker's claims so much older."""
    past = catalogue.database.now(offset=-by)
    async with catalogue.database.transaction() as session:
        await session.execute(
            update(WorkerRow)
            .where(col(WorkerRow.id) == worker)
            .values(first_seen=past, last_seen=past)
        )


async def listed(user: User, name: str, **query: str) -> Any:
    return (await user.get(f"/admin/{name}", **query))["items"]


async def test_workers_and_models_are_those_of_the_claims(catalogue: Catalogue) -> None:
    admin, user = catalogue.user(scopes=ADMIN), catalogue.user()
    song = await user.track()
    old, replaced = await poll(catalogue, host="attic"), await poll(catalogue)
    await age(catalogue, old, timedelta(hours=2))
    await age(catalogue, replaced, timedelta(hours=1))
    await user.post("/jobs", {"item": song, "task": "midi"})
    worker = await poll(catalogue)
    online, offline = await listed(admin, "workers")
    assert (online["id"], online["name"], online["device"]) == (worker, "midi@studio", "cpu")
    assert (online["online"], online["running"], online["slots"]) == (True, 1, 2)
    assert (offline["id"], offline["online"], offline["running"]) == (old, False, 0)
    # One with no free slot claims nothing; the leases of its jobs tell that it lives.
    await age(catalogue, worker, timedelta(hours=3))
    seen = {row["id"]: row["online"] for row in await listed(admin, "workers")}
    assert seen[worker] is True
    present, missing = await listed(admin, "models")
    assert (present["name"], present["licence"], present["installed"]) == (
        "basic-pitch", "Apache-2.0", True,
    )  # fmt: skip
    assert worker in present["workers"]
    assert (missing["name"], missing["installed"], missing["workers"]) == ("other", False, [])
    await age(catalogue, old, WORKERS_KEPT * 2)
    await catalogue.cleanup().tidy()
    assert old not in {row["id"] for row in await listed(admin, "workers")}


async def test_queues_name_the_oldest_job_and_why_it_waits(catalogue: Catalogue) -> None:
    admin, user = catalogue.user(scopes=ADMIN), catalogue.user()
    song = await user.track()
    job = await user.post("/jobs", {"item": song, "task": "midi"})
    queue = next(row for row in await listed(admin, "queues") if row["task"] == "midi")
    assert (queue["queued"], queue["running"], queue["workers"]) == (1, 0, 0)
    assert queue["oldest"]["job"] == job["id"]
    assert queue["oldest"]["waiting_for"] == "worker"
    assert queue["median_run"] is None
    await poll(catalogue)
    queue = next(row for row in await listed(admin, "queues") if row["task"] == "midi")
    assert (queue["queued"], queue["running"], queue["workers"], queue["slots"]) == (0, 1, 1, 2)
    assert queue["oldest"] is None


async def test_jobs_of_all_accounts_are_listed_by_state(catalogue: Catalogue) -> None:
    admin, user, other = catalogue.user(scopes=ADMIN), catalogue.user(), catalogue.user()
    jobs = [
        await someone.post("/jobs", {"item": await someone.track(), "task": "midi"})
        for someone in (user, other)
    ]
    waiting = await listed(admin, "jobs")
    assert [row["id"] for row in waiting] == [job["id"] for job in jobs]
    assert {row["account"] for row in waiting} == {user.owner, other.owner}
    assert await listed(admin, "jobs", account=other.owner) == waiting[1:]
    assert await listed(admin, "jobs", task="slicing") == []
    claim = await catalogue.claim(TaskName.MIDI)
    assert [row["id"] for row in await listed(admin, "jobs", state="running")] == [claim.job]
    await catalogue.reject(claim, "It is no sound.")
    (failed,) = await listed(admin, "jobs", state="failed")
    assert (failed["id"], failed["reason"]["message"]) == (claim.job, "It is no sound.")
    assert await listed(admin, "jobs", state="running") == []
    refused = await admin.http.get("/v1/admin/jobs", params={"state": "succeeded"})
    assert refused.status_code == 422


async def test_webhooks_of_all_accounts_are_listed_without_their_addresses(
    catalogue: Catalogue,
) -> None:
    admin, users = catalogue.user(scopes=ADMIN), (catalogue.user(), catalogue.user())
    created = [
        await user.post("/webhooks", {"url": f"https://hooks.example.org/{number}?key=secret"})
        for number, user in enumerate(users)
    ]
    rows = await listed(admin, "webhooks")
    assert [row["id"] for row in rows] == [each["id"] for each in reversed(created)]
    assert {row["account"] for row in rows} == {user.owner for user in users}
    assert {(row["host"], row["state"]) for row in rows} == {("hooks.example.org", "unverified")}
    assert "secret" not in str(rows)


async def test_a_dead_letter_goes_back_to_its_topic(catalogue: Catalogue) -> None:
    admin, bus = catalogue.user(scopes=ADMIN), catalogue.server.bus
    await bus.ensure([DEAD_LETTERS, JOBS_EVENTS])
    assert await listed(admin, "dead-letters") == []
    job, worker = JobId(new_id()), WorkerId(new_id())
    released: Event[Any] = make_event(
        "job.released", JobReleased(job=job, epoch=1, worker=worker), subject=job
    )
    record = encode(JOBS_EVENTS, released, key=job)
    letter = DeadLetterRecord(JOBS_EVENTS.name, 3, 7, "library", "ValueError: a bug", record)
    await bus.send(DEAD_LETTERS.name, pack(letter))
    note = JobQuarantined(job=job, epoch=1, worker=worker, inputs=())
    event: Event[Any] = make_event("job.quarantined", note, subject=job)
    await bus.publish(DEAD_LETTERS, event, key=job)
    letters = {row["event_type"]: row for row in await listed(admin, "dead-letters")}
    shown, note_ = letters["job.released"], letters["job.quarantined"]
    assert (shown["topic"], shown["partition"], shown["offset"]) == (JOBS_EVENTS.name, 3, 7)
    assert (shown["replayable"], note_["replayable"]) == (True, False)
    for _ in range(2):
        replayed = await admin.post(f"/admin/dead-letters/{shown['id']}/replay")
        assert replayed["event_id"] == released.id
    records = bus.records(JOBS_EVENTS.name)  # type: ignore[attr-defined]
    assert list(records) == [record, record]
    for id_, status in ((note_["id"], 409), ("0-999", 404), ("9999-0", 404), ("x", 404)):
        answer = await admin.http.post(f"/v1/admin/dead-letters/{id_}/replay")
        assert answer.status_code == status, id_


async def test_storage_is_shown_by_kind_and_by_account(catalogue: Catalogue) -> None:
    admin, small, large = catalogue.user(scopes=ADMIN), catalogue.user(), catalogue.user()
    await small.open(b"x" * 10)
    await large.open(b"y" * 30)
    report = await admin.get("/admin/storage")
    assert (report["originals"], report["uploads"], report["total"]) == (0, 40, 40)
    assert [(row["account"], row["total"]) for row in report["accounts"]] == [
        (large.owner, 30),
        (small.owner, 10),
    ]
    assert 0 < report["free"] <= report["capacity"]


async def test_other_scopes_see_nothing(catalogue: Catalogue) -> None:
    user = catalogue.user()
    for name in ("workers", "queues", "dead-letters", "storage", "models"):
        assert (await user.http.get(f"/v1/admin/{name}")).status_code == 403
    assert (await user.http.post("/v1/admin/dead-letters/0-0/replay")).status_code == 403


async def test_queued_jobs_know_their_place_and_when_they_start(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    await user.post("/jobs", {"item": song, "task": "midi"})
    await catalogue.finish(await catalogue.claim(TaskName.MIDI), MIDI, MIDI_FILES)
    # The job took 12 s for audio of the song's length.
    start = catalogue.database.now(offset=-timedelta(seconds=12))
    async with catalogue.database.transaction() as session:
        await session.execute(
            update(JobRow).values(started=start, finished=catalogue.database.now())
        )
    await measure_run_times(catalogue.database)
    await measure_run_times(catalogue.database)
    await poll(catalogue, slots=1)
    first, second = [
        await user.post("/jobs", {"item": song, "task": "midi", "force": True}) for _ in range(2)
    ]
    queues = {row["id"]: row["queue"] for row in (await user.get("/jobs"))["items"]}
    assert [queues[job["id"]]["position"] for job in (first, second)] == [1, 2]
    assert [queues[job["id"]]["waiting_for"] for job in (first, second)] == ["room", "others"]
    assert queues[first["id"]]["expected_start_s"] == 0.0
    assert queues[first["id"]]["expected_end_s"] == pytest.approx(12.0, abs=1.0)
    assert queues[second["id"]]["expected_start_s"] == pytest.approx(6.0, abs=1.0)
    assert (await user.get(f"/jobs/{second['id']}"))["queue"] == queues[second["id"]]
    assert [queue for queue in queues.values() if queue is None] == [None] * (len(queues) - 2)


def test_run_times_are_a_line_over_the_length_of_the_audio() -> None:
    times = [(audio, 3.0 + 0.5 * audio) for audio in (10.0, 20.0, 60.0, 120.0, 240.0)]
    line = fit([*times, (100.0, 900.0)])
    assert line.slope == pytest.approx(0.5, rel=0.05)
    assert line.expected(200.0) == pytest.approx(103.0, rel=0.05)
    few = fit([(10.0, 5.0), (20.0, 10.0)])
    assert few.expected(40.0) == pytest.approx(20.0)
    assert few.expected(None) == few.median_run == 7.5
    assert fit([(None, 4.0)]).expected(None) == 4.0


@pytest.mark.parametrize(
    ("ahead", "slots", "running", "expected"),
    [(0, 2, 1, 0.0), (1, 2, 1, 5.0), (2, 2, 2, 15.0), (0, 1, 1, 5.0), (3, 1, 1, 35.0)],
)
def test_a_job_starts_when_those_ahead_have_got_their_slots(
    ahead: int, slots: int, running: int, expected: float
) -> None:
    run_time = RunTime(median_run=10.0, intercept=10.0, slope=0.0)
    assert expected_start(ahead, run_time, Capacity(slots, running)) == expected


async def crash(catalogue: Catalogue, user: User, job: str) -> Any:
    """Let a job crash its child process until it has failed."""
    kind, reason = FailureKind.CRASH, Reason(code="crash", message="It died.")
    for _ in range(catalogue.server.policy.retry.maximum_crashes):
        async with catalogue.database.transaction() as session:
            await session.execute(update(JobRow).values(not_before=catalogue.database.now()))
        claim = await catalogue.claim(TaskName.TRANSCRIBE)
        data = JobFailed(
            job=claim.job, epoch=claim.epoch, worker=WorkerId(new_id()), kind=kind, reason=reason
        )
        async with catalogue.database.transaction() as session:
            await hold_owner_of(session, claim.job)
            await fail(session, data, policy=catalogue.server.policy)
    return await user.get(f"/jobs/{job}")


async def test_a_crashed_job_is_retried_with_lighter_parameters_only(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    body = {"item": song, "task": "transcribe", "params": {"beam": 5}}
    job = await user.post("/jobs", body)
    failed = await crash(catalogue, user, job["id"])
    assert [advice["parameters"] for advice in failed["retry_with"]] == [{"beam": 1}]
    # The file is in quarantine, except for what was advised.
    for parameters in ({}, {"beam": 2}):
        refused = await user.http.post(
            f"/v1/jobs/{job['id']}/retry", json={"parameters": parameters}
        )
        assert refused.status_code == 422
        assert refused.json()["code"] == "quarantined"
    wrong = await user.http.post(f"/v1/jobs/{job['id']}/retry", json={"parameters": {"beam": 0}})
    assert wrong.json()["fields"][0]["field"] == "body.parameters.beam"
    advised = failed["retry_with"][0]["parameters"]
    lighter = await user.post(f"/jobs/{job['id']}/retry", {"parameters": advised})
    assert (lighter["params"]["beam"], lighter["retry_of"]) == (1, job["id"])
    # The lighter one crashes too: nothing lighter is left, and it does not run again.
    failed = await crash(catalogue, user, lighter["id"])
    assert failed["retry_with"] == []
    refused = await user.http.post(f"/v1/jobs/{job['id']}/retry", json={"parameters": advised})
    assert refused.json()["code"] == "quarantined"
