"""Corrections as the API shows them, and as exports read them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.corrections import (
    CUTS_OF,
    SMALL_FIELDS,
    CorrectedLanes,
    Correction,
    CorrectionField,
    Corrections,
    CorrectionVersion,
    CorrectionVersions,
    OlderResult,
)
from contracts.ids import UserId
from services.library.catalogue.tables import ItemRow
from services.library.corrections.corrections import current_corrections
from services.library.corrections.machine import MachineValues, machine_values, older_results
from services.library.corrections.tables import CorrectionRow
from services.library.corrections.values import read_lanes, unpack_value

LaneResult = TypeVar("LaneResult")


class LaneThreads:
    """Runs what takes milliseconds for a long lane in threads, a bounded number at once."""

    def __init__(self, at_once: int = 2) -> None:
        self._turns = asyncio.Semaphore(at_once)

    async def run(self, call: Callable[..., LaneResult], *args: Any, **kwargs: Any) -> LaneResult:
        """Return what a call returns."""
        async with self._turns:
            return await asyncio.to_thread(call, *args, **kwargs)


async def corrections_facts(
    session: AsyncSession, item: ItemRow, field: CorrectionField | None = None
) -> "CorrectionFacts":
    """Read what `corrections_json` shows of an item, of all fields or of one."""
    rows = await current_corrections(session, item.id, field)
    return CorrectionFacts(
        rows,
        await machine_values(session, item) if rows else MachineValues(),
        await older_results(session, item.id, rows) if rows else {},
    )


class CorrectionFacts:
    """The corrections of an item that count, and what they replace."""

    def __init__(
        self,
        rows: Sequence[CorrectionRow],
        machine: MachineValues,
        older: Mapping[str, tuple[OlderResult, ...]],
    ) -> None:
        self.rows = rows
        self._machine = machine
        self._older = older

    def correction(self, row: CorrectionRow, *, lane: Any = None) -> Correction:
        """Return one of the corrections; `lane` is the machine's lane, if it is read."""
        assert row.value is not None, "a correction that counts has a value"
        field = CorrectionField(row.field)
        machine, confidence = self._machine.of(field)
        return Correction(
            field=field,
            value=unpack_value(row.value),
            machine=machine if field in SMALL_FIELDS else lane,
            machine_confidence=confidence,
            by=UserId(row.by),
            at=row.created,
            version=row.version,
            older_results=self._older.get(row.field, ()),
        )

    def all(self) -> Corrections:
        """Return all corrections, without the machine's lanes."""
        return Corrections(items=tuple(self.correction(row) for row in self.rows))


def versions_to_api(rows: Sequence[CorrectionRow]) -> CorrectionVersions:
    """Return the versions of a field."""
    return CorrectionVersions(
        items=tuple(
            CorrectionVersion(
                version=row.version,
                value=unpack_value(row.value) if row.value and row.entries is None else None,
                entries=row.entries,
                taken_back=row.value is None,
                by=UserId(row.by),
                at=row.created,
            )
            for row in rows
        )
    )


def to_json(answer: BaseModel) -> bytes:
    """Return an answer as JSON; takes milliseconds for a long lane."""
    return answer.model_dump_json().encode()


async def corrected_lanes(session: AsyncSession, item: str) -> CorrectedLanes:
    """Return the corrected lanes of an item, decoded in a thread."""
    values = {
        CorrectionField(row.field): row.value
        for row in await current_corrections(session, item)
        if row.field not in SMALL_FIELDS and row.field not in CUTS_OF and row.value is not None
    }
    return await asyncio.to_thread(read_lanes, values) if values else CorrectedLanes()
