"""Maps: listed, requested and deleted."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlmodel import col

from contracts.maps import MAX_MAPS, MapChange, MapEdit, MapState
from contracts.problems import ProblemCode
from kit.clock import new_id
from kit.database.engine import database_of
from kit.database.notifications import notify_on_commit
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.collections.repository import Collections
from services.library.jobs.locks import hold_owner
from services.library.maps.events import emit_map_changed
from services.library.maps.repository import Maps
from services.library.maps.tables import MapRow

CHANGED = "maps"
"""`Database.listen` gives the event of maps that wait for a layout, or lack sounds."""
_UNFINISHED = (MapState.WAITING, MapState.COMPUTING)


async def list_maps(maps: Maps) -> Sequence[MapRow]:
    """Return all maps of the caller by name, at most `MAX_MAPS`."""
    query = maps.select().order_by(col(MapRow.name)).limit(MAX_MAPS)
    return list(await maps.session.scalars(query))


async def put_map(maps: Maps, name: str, edit: MapEdit, *, again: bool) -> tuple[MapRow, bool]:
    """Create a map or change what it shows; return it, and whether it is new.

    Its layout is computed if that was never requested for this collection and seed, and again if
    `again` is set and no layout is under way.

    Raises
    ------
    ProblemError
        The collection does not exist or is another's, or there are too many maps.
    """
    session = maps.session
    collection = None
    await hold_owner(session, maps.owner)
    if edit.collection is not None:
        collections = Collections(session, maps.principal)
        # Its row is needed, which a built-in collection gets with the first change.
        collection = (await collections.get(edit.collection, Action.WRITE, hold=True)).row.id
    row = await maps.find(name)
    is_new = row is None
    now = await database_of(session).time(session)
    if row is None:
        await _refuse_too_many(maps)
        row = MapRow(id=new_id(), owner=maps.owner, name=name, state="", requested=now, created=now)
        session.add(row)
    elif (row.collection, row.seed) == (collection, edit.seed) and (
        not again or row.state in _UNFINISHED
    ):
        return row, False
    row.collection = collection
    row.seed = edit.seed
    request_layout(row)
    row.requested = now
    await session.flush()
    await emit_map_changed(session, row, MapChange.REQUESTED)
    notify_on_commit(session, CHANGED)
    return row, is_new


def request_layout(row: MapRow) -> None:
    """Let a map wait for a layout; one that is under way is dropped."""
    row.state = MapState.WAITING
    row.reason = None
    row.generation += 1
    row.starts = 0


async def delete_map(maps: Maps, name: str) -> None:
    """Delete a map; a computation of it ends without a result.

    Raises
    ------
    ProblemError
        There is no such map.
    """
    row = await maps.get(name, Action.WRITE)
    await emit_map_changed(maps.session, row, MapChange.DELETED)
    await maps.session.delete(row)


async def _refuse_too_many(maps: Maps) -> None:
    count = select(func.count()).where(col(MapRow.owner) == maps.owner)
    if (await maps.session.execute(count)).scalar_one() >= MAX_MAPS:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"You have {MAX_MAPS} maps, which is the maximum; delete one first.",
        )
