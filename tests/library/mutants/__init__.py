"""Faults put into copies of the library on purpose: every one must be caught (T5)."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "services" / "library"
COPIED = (
    "background",
    "events.outbox",
    "events.relay",
    "jobs.claims",
    "jobs.outcomes",
    "jobs.policy",
    "jobs.scheduling",
    "jobs.submission",
    "jobs.transitions",
)
"""The modules that a mutant has of its own; tables and contracts are the real ones."""


@dataclass(frozen=True)
class Mutant:
    """One change of the source: `old`, which must be there exactly once, becomes `new`."""

    name: str
    module: str
    old: str
    new: str


def plant(mutant: Mutant, folder: Path) -> str:
    """Write a package with the fault in it into a folder on the path; return its name."""
    package = f"mutant_{mutant.name}"
    home = folder / package
    home.mkdir()
    (home / "__init__.py").touch()
    for module in COPIED:
        path = Path(*module.split(".")).with_suffix(".py")
        text = (SOURCE / path).read_text(encoding="utf-8")
        if module == mutant.module:
            assert text.count(mutant.old) == 1, f"{mutant.name} fits {text.count(mutant.old)} times"
            text = text.replace(mutant.old, mutant.new)
        for other in COPIED:
            text = text.replace(f"services.library.{other} ", f"{package}.{other} ")
        if module == "events.relay":
            text = text.replace("bindparam, select", "bindparam, func, select")
            text = text.replace(
                "from kit.bus.base", "from kit.clock import new_id\nfrom kit.bus.base"
            )
        (home / path).parent.mkdir(exist_ok=True)
        (home / path).write_text(text, encoding="utf-8")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return package


STORE = (
    Mutant(
        "no_fence_on_words",
        "jobs.transitions",
        ".where(col(JobRow.id) == _JOB, col(JobRow.epoch) == _EPOCH)",
        ".where(col(JobRow.id) == _JOB)",
    ),
    Mutant(
        "no_fence_on_heartbeats",
        "jobs.claims",
        "            col(JobRow.epoch) == beat.epoch,\n"
        "            col(JobRow.worker) == beat.worker,\n",
        "",
    ),
    Mutant(
        "no_fence_on_changes",
        "jobs.transitions",
        "            col(JobRow.epoch) == _EPOCH,\n        )\n        .values(",
        "        )\n        .values(",
    ),
    Mutant(
        "changes_whatever_the_state",
        "jobs.transitions",
        '            col(JobRow.state) == bindparam("was", type_=String),\n',
        "",
    ),
    Mutant("epoch_stands_still", "jobs.transitions", '"epoch": epoch + 1', '"epoch": 1'),
    Mutant(
        "ended_jobs_change",
        "jobs.transitions",
        "    .where(col(JobRow.state) == JobState.RUNNING)\n    .with_for_update(key_share=True)",
        "    .with_for_update(key_share=True)",
    ),
    Mutant(
        "result_is_not_stored",
        "jobs.outcomes",
        'values = {"result": result, "progress"',
        'values = {"progress"',
    ),
    Mutant(
        "input_errors_are_retried",
        "jobs.outcomes",
        "case FailureKind.REJECTED | FailureKind.TIMEOUT:",
        "case FailureKind.TIMEOUT:",
    ),
    Mutant(
        "one_crash_too_many",
        "jobs.outcomes",
        "crashes < policy.retry.maximum_crashes",
        "crashes <= policy.retry.maximum_crashes",
    ),
    Mutant(
        "one_try_too_many",
        "jobs.outcomes",
        "retries < policy.retry.maximum_attempts",
        "retries <= policy.retry.maximum_attempts",
    ),
    Mutant("lost_for_ever", "jobs.outcomes", "lost > policy.retry.maximum_lost", "lost < 0"),
    Mutant(
        "released_attempt_is_lost",
        "jobs.outcomes",
        '{"attempt": row.attempt - 1}',
        '{"attempt": row.attempt}',
    ),
    Mutant(
        "sweep_by_age",
        "jobs.outcomes",
        "    runs = in_state(JobState.RUNNING) & or_(\n        col(JobRow.lease_until) < now,",
        "    runs = in_state(JobState.RUNNING) & or_(\n"
        "        col(JobRow.started) < database.now(offset=-policy.lease),",
    ),
    Mutant(
        "live_lease_is_taken",
        "jobs.outcomes",
        "    if not await _holds(session, row, col(JobRow.lease_until) < "
        "database_of(session).now()):\n        return None\n",
        "",
    ),
    Mutant(
        "released_though_cancelled",
        "jobs.outcomes",
        "    if row.cancel_requested:\n"
        "        return await finish(session, row, JobState.CANCELLED)\n"
        "    return await requeue_attempt(session, row, {",
        "    return await requeue_attempt(session, row, {",
    ),
    Mutant(
        "reuse_without_fingerprint",
        "jobs.submission",
        "        col(JobRow.fingerprint).in_(offered(session, task, policy=policy)),\n",
        "        col(JobRow.fingerprint).is_not(None),\n",
    ),
    Mutant(
        "quarantine_is_forgotten",
        "jobs.submission",
        "            col(JobRow.finished) > since,\n",
        "            col(JobRow.finished) < since,\n",
    ),
    Mutant(
        "anyone_cancels",
        "jobs.submission",
        ".where(col(JobRow.id) == job, col(JobRow.owner) == owner)",
        ".where(col(JobRow.id) == job)",
    ),
    Mutant(
        "no_owner_limit",
        "jobs.submission",
        "if admission.mine >= policy.owner_queued:",
        "if admission.mine > policy.owner_queued:",
    ),
    Mutant(
        "backoff_is_ignored",
        "jobs.scheduling",
        "            col(job.not_before) <= database.now(),\n",
        "",
    ),
    Mutant(
        "no_running_cap", "jobs.scheduling", ".where(counted.c.share < policy.owner_running)", ""
    ),
    Mutant(
        "no_fairness",
        "jobs.scheduling",
        "order_by(grade, heads.c.share, heads",
        "order_by(grade, heads",
    ),
    Mutant("no_turns", "jobs.scheduling", "heads.c.last.asc().nulls_first(), ", ""),
    Mutant("long_goes_like_short", "jobs.scheduling", "nulls_first(), length, ", "nulls_first(), "),
    Mutant(
        "long_without_room",
        "jobs.scheduling",
        "lengths = (False, True) if long else (False,)",
        "lengths = (False, True)",
    ),
    Mutant(
        "batch_never_ages",
        "jobs.scheduling",
        "database.now(offset=-policy.ageing)",
        "database.now(offset=-policy.ageing * 1000)",
    ),
    Mutant(
        "change_without_event",
        "jobs.transitions",
        "        await _discard_attempt(session, queued)\n"
        "        await emit_queued(session, queued, notify=not pause)\n",
        "        await _discard_attempt(session, queued)\n",
    ),
    Mutant(
        "events_are_not_counted",
        "jobs.transitions",
        '.values({**to, "seq": col(JobRow.seq) + 1})',
        ".values({**to})",
    ),
)
"""Faults in the job table; the model finds them."""

RELAY = (
    Mutant(
        "outbox_by_cursor",
        "events.relay",
        "    .where(col(EventRow.published).is_(None))\n",
        "    .where(\n"
        "        col(EventRow.seq)\n"
        "        > select(func.coalesce(func.max(EventRow.seq), 0))\n"
        "        .where(col(EventRow.published).is_not(None))\n"
        "        .scalar_subquery()\n"
        "    )\n",
    ),
    Mutant(
        "marked_before_it_is_sent",
        "events.relay",
        "        sent = await asyncio.gather(",
        "        await self._mark(rows)\n        sent = await asyncio.gather(",
    ),
    Mutant(
        "refused_event_is_overtaken",
        "events.relay",
        'waits: %s", row.id, row.topic, error)\n                break\n',
        'waits: %s", row.id, row.topic, error)\n                continue\n',
    ),
    Mutant(
        "sent_and_never_marked",
        "events.relay",
        "            await self._mark(taken)\n",
        "            pass\n",
    ),
    Mutant("every_event_is_new", "events.relay", "id=EventId(row.id)", "id=EventId(new_id())"),
)
"""Faults in the relay; its own checks find them."""
