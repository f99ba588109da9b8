"""Corrections of an item: written as versions, taken back, restored and listed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.corrections import (
    CUTS_OF,
    MAX_LANE_BYTES,
    MAX_VERSIONS,
    SMALL_FIELDS,
    CorrectionField,
)
from contracts.items import ItemKind, ItemState
from contracts.problems import ProblemCode
from kit.database.engine import database_of
from kit.database.hooks import Hook, report
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.catalogue.events import emit_item_changed
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ItemRow
from services.library.corrections.events import emit_item_corrected
from services.library.corrections.tables import CorrectionRow
from services.library.corrections.values import StoredValue
from services.library.jobs.locks import hold_owner

MAX_VERSION_BYTES = 2 << 20
"""Compressed bytes of all versions of a field; beyond, the oldest are deleted."""
CUTS_CORRECTED = Hook[CorrectionRow]("cuts corrected")
"""A new version of a list of cuts, reported in the transaction that writes it."""


async def correctable_item(
    repository: Repository, id_: str, field: CorrectionField, *, hold: bool = False
) -> ItemRow:
    """Return an item of which a field may be corrected.

    Raises
    ------
    ProblemError
        There is no such item, it is not ready, or it is none that has a class.
    """
    item = await repository.item(id_, Action.WRITE, hold=hold)
    if item.state != ItemState.READY or item.audio is None:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            f"This item is {item.state}; only an item that is ready can be corrected.",
        )
    if field is CorrectionField.CLASS and item.kind != ItemKind.SAMPLE:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            f"Only samples have a class, and this item is a {item.kind}. If it is a sample, change "
            "its kind first.",
        )
    return item


async def write_correction(
    repository: Repository,
    id_: str,
    field: CorrectionField,
    value: StoredValue,
    *,
    expected: int | None = None,
) -> tuple[ItemRow, CorrectionRow]:
    """Correct a field; a value that it has already makes no version.

    Parameters
    ----------
    expected
        Number of the newest version, 0 for none, if the value depends on it.

    Raises
    ------
    ProblemError
    """
    await _hold_samples(repository, field)
    item = await correctable_item(repository, id_, field, hold=True)
    newest = await newest_version(repository.session, item.id, field)
    if expected is not None and expected != (newest.version if newest else 0):
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"`{field.value}` of this item was changed meanwhile: its newest version is "
            f"{newest.version if newest else 0}, not {expected}. Read it again, and repeat the "
            "change if it is still wanted.",
        )
    if newest is not None and newest.value is not None and newest.value == value.data:
        return item, newest
    await _require_room(repository.session, item.id, field, value)
    row = CorrectionRow(
        item=item.id,
        field=field.value,
        version=1 if newest is None else newest.version + 1,
        owner=item.owner,
        value=value.data,
        size=value.size,
        entries=value.entries,
        by=repository.principal.user,
        created=await database_of(repository.session).time(repository.session),
    )
    await _apply(repository.session, item, row, value.value if field in SMALL_FIELDS else True)
    return item, row


async def take_back(repository: Repository, id_: str, field: CorrectionField) -> None:
    """Let the machine's value of a field count again; without a correction nothing changes.

    Raises
    ------
    ProblemError
    """
    await _hold_samples(repository, field)
    item = await repository.item(id_, Action.WRITE, hold=True)
    newest = await newest_version(repository.session, item.id, field)
    if newest is None or newest.value is None:
        return
    row = CorrectionRow(
        item=item.id,
        field=field.value,
        version=newest.version + 1,
        owner=item.owner,
        by=repository.principal.user,
        created=await database_of(repository.session).time(repository.session),
    )
    await _apply(repository.session, item, row, None)


async def version_of(
    repository: Repository, id_: str, field: CorrectionField, version: int
) -> CorrectionRow:
    """Return a version with its value.

    Raises
    ------
    ProblemError
        There is no such version, or it took a correction back.
    """
    item = await repository.item(id_, Action.READ)
    row = await repository.session.get(CorrectionRow, (item.id, field.value, version))
    if row is None or row.value is None:
        raise ProblemError(
            ProblemCode.NOT_FOUND,
            f"Version {version} of this correction has no value: it was never written, is one of "
            "the oldest, which are deleted, or took the correction back.",
        )
    return row


async def current_corrections(
    session: AsyncSession, item: str, field: CorrectionField | None = None
) -> Sequence[CorrectionRow]:
    """Return the corrections of an item that count, in the order of the fields.

    Parameters
    ----------
    field
        Only this one.
    """
    newest = (
        select(col(CorrectionRow.field), func.max(col(CorrectionRow.version)).label("version"))
        .where(col(CorrectionRow.item) == item)
        .group_by(col(CorrectionRow.field))
        .subquery()
    )
    query = (
        select(CorrectionRow)
        .join(
            newest,
            (col(CorrectionRow.field) == newest.c.field)
            & (col(CorrectionRow.version) == newest.c.version),
        )
        .where(col(CorrectionRow.item) == item, col(CorrectionRow.value).is_not(None))
    )
    if field is not None:
        query = query.where(col(CorrectionRow.field) == field)
    order = list(CorrectionField)
    rows = await session.scalars(query)
    return sorted(rows, key=lambda row: order.index(CorrectionField(row.field)))


async def versions_of(
    session: AsyncSession, item: str, field: CorrectionField
) -> Sequence[CorrectionRow]:
    """Return the versions of a field, the newest first."""
    query = (
        select(CorrectionRow)
        .where(col(CorrectionRow.item) == item, col(CorrectionRow.field) == field)
        .order_by(col(CorrectionRow.version).desc())
        .limit(MAX_VERSIONS)
    )
    return list(await session.scalars(query))


async def newest_version(
    session: AsyncSession, item: str, field: CorrectionField
) -> CorrectionRow | None:
    """Return the newest version of a field, which may have taken the correction back."""
    rows = await versions_of(session, item, field)
    return rows[0] if rows else None


async def _hold_samples(repository: Repository, field: CorrectionField) -> None:
    """Hold the owner's lock if samples may be hidden or restored with a correction."""
    if field in CUTS_OF:
        await hold_owner(repository.session, repository.owner)


async def _require_room(
    session: AsyncSession, item: str, field: CorrectionField, value: StoredValue
) -> None:
    if field in SMALL_FIELDS:
        return
    rows = await current_corrections(session, item)
    size = sum(row.size for row in rows if row.field != field) + value.size
    if size > MAX_LANE_BYTES:
        raise ProblemError(
            ProblemCode.TOO_LARGE,
            f"The corrected lanes of an item have at most {MAX_LANE_BYTES >> 20} MiB as JSON, and "
            f"with this one they would have {size} bytes. Take another correction back first.",
        )


async def _apply(session: AsyncSession, item: ItemRow, row: CorrectionRow, shown: Any) -> None:
    """Write a version, and what counts into the item; `shown` is absent if nothing is corrected."""
    was_corrected = row.field in item.corrected
    session.add(row)
    corrected = {field: value for field, value in item.corrected.items() if field != row.field}
    if shown is not None:
        corrected[row.field] = shown
    item.corrected = corrected
    if row.field == CorrectionField.TEMPO:
        if shown is None:
            item.bpm, item.uncorrected_bpm = item.uncorrected_bpm, None
        else:
            item.uncorrected_bpm = item.uncorrected_bpm if was_corrected else item.bpm
            item.bpm = shown
    item.updated = row.created
    await session.flush()
    await _delete_oldest(session, row)
    if row.field in CUTS_OF:
        report(session, CUTS_CORRECTED, row)
    await emit_item_corrected(session, row)
    await emit_item_changed(session, item)


async def _delete_oldest(session: AsyncSession, newest: CorrectionRow) -> None:
    """Delete versions beyond `MAX_VERSIONS`, and those that together are too large."""
    query = (
        select(col(CorrectionRow.version), func.length(col(CorrectionRow.value)))
        .where(
            col(CorrectionRow.item) == newest.item,
            col(CorrectionRow.field) == newest.field,
        )
        .order_by(col(CorrectionRow.version).desc())
    )
    size = 0
    for place, (version, length) in enumerate((await session.execute(query)).all()):
        size += length or 0
        if place and (place >= MAX_VERSIONS or size > MAX_VERSION_BYTES):
            statement = delete(CorrectionRow).where(
                col(CorrectionRow.item) == newest.item,
                col(CorrectionRow.field) == newest.field,
                col(CorrectionRow.version) <= version,
            )
            await session.execute(statement.execution_options(synchronize_session=False))
            return
