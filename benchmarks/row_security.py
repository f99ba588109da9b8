"""What row-level security costs: a list of items, searches and claims, with policies and without.

Both use the same database: once as the library's role, whose transactions tell their actor and
whose rows are filtered by policies, once as a superuser, for whom Postgres leaves policies out. The
two take turns call by call, so that a busy machine slows both down alike. Before each call somebody
else used the connection for reading, so that it has to be told the actor: the most that can happen.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.search import fill, open_searches, principal_of
from contracts.ids import ItemId, OwnerId, WorkerId
from contracts.jobs import ClaimRequest
from kit.clock import SystemClock, new_id
from kit.database.actors import NOBODY, SERVICE, acting_as
from kit.database.engine import Database
from kit.http.pagination import PageQuery
from services.library.app import MIGRATIONS
from services.library.catalogue.item_facts import ITEM_SUBJECTS
from services.library.catalogue.items import ItemFilter, list_items
from services.library.catalogue.repository import Repository
from services.library.jobs import claims
from services.library.search.language import parse_query
from services.library.search.searching import Searches, SearchRequest
from tests.library.job_store import PRODUCER, TASK, Jobs
from tests.support.migrated_databases import prepare_for_role
from tests.support.postgres import create_role, running_postgres, temporary_database, url_as

SMALLEST = os.environ.get("CRATEDIG_BENCH") == "smallest"
ROLE = "library"
Call = Callable[["Side", str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Side:
    """A connection to the database, with policies or without."""

    database: Database
    searches: Searches
    policies: bool

    def actor(self, owner: str) -> str:
        """Return whom a call acts as; without policies nobody is told."""
        return owner if self.policies else NOBODY


class _UndoneError(Exception):
    """Undoes what a call claimed, so that the next one finds the same jobs."""


async def list_page(side: Side, owner: str) -> None:
    """Read the first page of items, as `GET /items` does."""
    async with side.database.session() as session:
        rows, _ = await list_items(
            Repository(session, principal_of(owner)), ItemFilter(), PageQuery(limit=50, after=None)
        )
    assert len(rows) == 50


def search(words: str) -> Call:
    """Return the call that searches with counts, as `GET /search` does."""

    async def call(side: Side, owner: str) -> None:
        query, understood = parse_query(words)
        request = SearchRequest(query=query, understood=understood, counts=True)
        assert (await side.searches.search(principal_of(owner), request)).items

    return call


async def claim(side: Side, owner: str) -> None:
    """Claim a job, as a worker does; undone afterwards."""
    request = ClaimRequest(task=TASK, worker=WorkerId(new_id()), producer=PRODUCER)
    with suppress(_UndoneError), acting_as(SERVICE if side.policies else NOBODY):
        async with side.database.transaction() as session:
            assert await claims.claim(
                session, request, policy=Jobs(side.database).policy, subjects=ITEM_SUBJECTS
            )
            raise _UndoneError


CALLS: dict[str, Call] = {
    "list of 50 items": list_page,
    "search: vinyl": search("vinyl"),
    "search: kick": search("kick"),
    "claim of a job": claim,
}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=300 if SMALLEST else 20_000)
    parser.add_argument("--rounds", type=int, default=3 if SMALLEST else 300)
    parser.add_argument("--same-actor", action="store_true", help="no other caller in between")
    parser.add_argument("--server", help="a server of Postgres that runs already")
    arguments = parser.parse_args()
    if arguments.server:
        asyncio.run(_measure(arguments.server, arguments))
        return
    with running_postgres() as server:
        asyncio.run(_measure(server, arguments))


async def _measure(server: str, arguments: argparse.Namespace) -> None:
    items, rounds = arguments.items, arguments.rounds
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(temporary_database(server))
        await create_role(server, ROLE)
        await prepare_for_role(url, MIGRATIONS, ROLE)
        owner = new_id()
        plain = await _open(stack, url, policies=False)
        guarded = await _open(stack, url_as(url, ROLE), policies=True)
        await fill(plain.database, owner, items)
        await _queue(plain.database, 5 if SMALLEST else 40)
        print(f"{items:,} items of one owner, {rounds} calls of each kind")
        for name, call in CALLS.items():
            between = not arguments.same_actor
            await _compare(name, call, (plain, guarded), owner, rounds, between=between)


async def _compare(
    name: str, call: Call, sides: tuple[Side, Side], owner: str, rounds: int, *, between: bool
) -> None:
    times: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds + 10):
        for side in sides if number % 2 else reversed(sides):
            with acting_as(side.actor(new_id() if between else owner)):
                assert await side.database.ready()
            began = time.perf_counter()
            with acting_as(side.actor(owner)):
                await call(side, owner)
            if number >= 10:
                times[side.policies].append((time.perf_counter() - began) * 1000)
    without, with_ = (_spread(times[policies]) for policies in (False, True))
    shown = ", ".join(
        f"{what} {a:.2f} → {b:.2f} ms ({(b / a - 1) * 100:+.1f} %)"
        for what, a, b in zip(("p10", "p25", "p50"), without, with_, strict=True)
    )
    print(f"  {name:18} {shown}", flush=True)


def _spread(times: list[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(times, n=20)
    return cuts[1], cuts[4], cuts[9]


async def _queue(database: Database, owners: int) -> None:
    jobs = Jobs(database)
    for _ in range(owners):
        owner, item = await jobs.owner()
        await jobs.create_many(OwnerId(owner), ItemId(item), range(50))


async def _open(stack: AsyncExitStack, url: str, *, policies: bool) -> Side:
    database = Database(url, clock=SystemClock(), statement_timeout=120.0, pool=1)
    stack.push_async_callback(database.close)
    with acting_as(SERVICE if policies else NOBODY):
        searches = await open_searches(database, Path(tempfile.gettempdir()))
    return Side(database, searches, policies)


if __name__ == "__main__":
    main()
