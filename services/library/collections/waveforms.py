"""The waveforms of items that a principal may read."""

from base64 import b64encode
from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import col

from contracts.ids import ItemId
from contracts.waveforms import Waveforms
from services.library.catalogue.tables import WaveformRow
from services.library.collections.repository import Collections


async def read_waveforms(collections: Collections, items: Sequence[ItemId]) -> Waveforms:
    """Return the waveforms of those of some items that the principal may read."""
    readable = await collections.readable(items)
    query = select(col(WaveformRow.item), col(WaveformRow.data)).where(
        col(WaveformRow.item).in_(readable)
    )
    rows = (await collections.session.execute(query)).all()
    return Waveforms(items={ItemId(item): b64encode(data).decode() for item, data in rows})
