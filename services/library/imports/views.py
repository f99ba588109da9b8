"""Imports as the API shows them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.ids import CollectionId, ImportId, ItemId
from contracts.imports import Import, ImportCounts, ImportFile, ImportFileState, ImportState
from services.library.imports.repository import count_files
from services.library.imports.tables import ImportRow


async def imports_to_api(session: AsyncSession, rows: Sequence[ImportRow]) -> list[Import]:
    """Return imports as the API shows them, counted with one query."""
    counts = await count_files(session, [row.id for row in rows])
    return [
        Import(
            id=ImportId(row.id),
            provider=row.provider,
            reference=row.reference,
            state=ImportState(row.state),
            title=row.title,
            collection=CollectionId(row.collection) if row.collection else None,
            files=counts.get(row.id, ImportCounts()),
            failure=row.failure,
            created=row.created,
            updated=row.updated,
        )
        for row in rows
    ]


def file_to_api(row: Row[*tuple[Any, ...]]) -> ImportFile:
    """Return a file, its state and its item's rejection as the API shows it."""
    file, state, rejection = row
    return ImportFile(
        position=file.position,
        name=file.name,
        state=ImportFileState(state),
        item=ItemId(file.item) if file.item else None,
        reason=file.reason or rejection,
    )
