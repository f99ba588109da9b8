"""How many statements a job costs: each is work for the database, and a way there and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from contracts.jobs import TaskName
from contracts.music import Stem
from kit.database.actors import SETTING
from kit.database.sqlite import BEGIN
from tests.library.catalogue import MIDI, Catalogue, separated, stems


@contextmanager
def statements() -> Iterator[list[str]]:
    """Give a list to which every statement is added that begins no transaction.

    Those that set the actor are left out: whether a connection has it depends on its last user.
    """
    seen: list[str] = []

    def executed(connection: Connection, _: Any, statement: str, *more: Any) -> None:
        if statement != BEGIN and SETTING not in statement:
            seen.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", executed)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", executed)


async def test_a_job_costs_a_known_number_of_statements(catalogue: Catalogue) -> None:
    user = catalogue.user()
    job = {"item": await user.track(), "task": "midi", "force": True}
    with statements() as submitting:
        await user.post("/jobs", job)
    claim = await catalogue.claim(TaskName.MIDI)
    with statements() as finishing:
        await catalogue.finish(claim, MIDI)
    # Postgres takes the owner's lock, once each, and is asked for its time.
    more = (0, 0) if catalogue.database.sqlite else (2, 1)
    assert (len(submitting), len(finishing)) == (5 + more[0], 5 + more[1]), (submitting, finishing)


async def test_room_for_a_result_is_looked_for_with_one_statement(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await user.post("/jobs", {"item": await user.track(), "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    with statements() as finishing:
        await catalogue.finish(claim, separated(), stems(Stem.BASS))
    before = next(n for n, statement in enumerate(finishing) if statement.startswith("UPDATE jobs"))
    # The job whose manifest is read, the owner's lock on Postgres, the room.
    assert before == (2 if catalogue.database.sqlite else 3), finishing
