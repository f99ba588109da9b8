"""Rows of maps, and of their points."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, Index, LargeBinary, false, text
from sqlmodel import Field

from kit.database.base import Json, Utc
from services.library.metadata import Table

_UNFINISHED = text("state IN ('waiting', 'computing')")


class MapRow(Table, table=True):
    """A map; it goes with its collection."""

    __tablename__ = "maps"
    __table_args__ = (
        Index("ix_maps_name", "owner", "name", unique=True),
        Index("ix_maps_collection", "collection"),
        Index(
            "ix_maps_unfinished",
            "requested",
            postgresql_where=_UNFINISHED,
            sqlite_where=_UNFINISHED,
        ),
        Index(
            "ix_maps_stale", "id", postgresql_where=text("stale"), sqlite_where=text("stale = 1")
        ),
    )

    id: str = Field(primary_key=True)
    owner: str
    name: str
    collection: str | None = Field(default=None, foreign_key="collections.id", ondelete="CASCADE")
    seed: int = 0
    state: str
    reason: str | None = None
    generation: int = 1
    """Counts how often a layout was requested; one that was requested earlier is dropped."""
    starts: int = 0
    """How often the computation of this generation was started."""
    stale: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether there may be sounds that have no place yet."""
    version: str | None = None
    """With `dimension`, the vector space that it shows."""
    dimension: int | None = None
    laid_out: int = 0
    """Points of the layout, without those placed since."""
    points: int = 0
    trustworthiness: float | None = Field(default=None, sa_type=Float)
    labels: list[dict[str, Any]] = Field(default_factory=list, sa_type=Json)
    computed: datetime | None = Field(default=None, sa_type=Utc)
    requested: datetime = Field(sa_type=Utc)
    """When its layout was requested last: the order in which layouts are computed."""
    created: datetime = Field(sa_type=Utc)


class MapPartRow(Table, table=True):
    """Some points of a map."""

    __tablename__ = "map_parts"

    map: str = Field(primary_key=True, foreign_key="maps.id", ondelete="CASCADE")
    number: int = Field(primary_key=True)
    data: bytes = Field(sa_type=LargeBinary)
    """20 bytes a point: see `Points`."""
