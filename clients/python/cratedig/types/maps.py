"""Maps of sounds."""

from dataclasses import dataclass
from datetime import datetime
from struct import unpack_from
from typing import Literal, Self
from uuid import UUID

from cratedig.types.base import Answer

MapState = Literal["waiting", "computing", "ready", "failed"]
_NO_CLASS = 255


class MapLabel(Answer):
    """The class that most sounds of a region have; `x` and `y` are from 0 to 1."""

    x: float
    y: float
    text: str
    count: int


class Map(Answer):
    """A layout of sounds in two dimensions, in which sounds that are alike lie close together.

    `points` counts its sounds, `trustworthiness` (0 to 1) says how far neighbours on the map are
    neighbours by sound, `reason` why it failed or is empty. `classes` are the sound classes by
    their number in the points.
    """

    name: str
    collection: str | None = None
    state: MapState
    reason: str | None = None
    seed: int
    points: int = 0
    trustworthiness: float | None = None
    computed_at: datetime | None = None
    labels: tuple[MapLabel, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MapPoints:
    """All points of a map: columns of the same length.

    Attributes
    ----------
    items
        Ids.
    x, y
        Coordinates from 0 to 65535.
    classes
        Places in the `classes` of the map, `None` for a sound without a class.
    """

    items: tuple[str, ...]
    x: tuple[int, ...]
    y: tuple[int, ...]
    classes: tuple[int | None, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the bytes of `GET /v1/maps/{name}/points`. Raises `ValueError`."""
        if len(data) < 8 or data[:4] != b"CDM1":
            raise ValueError("these are no points of a map")
        (count,) = unpack_from("<I", data, 4)
        if len(data) != 8 + 21 * count:
            raise ValueError("these points are incomplete")
        places = 8 + 16 * count
        ids = (data[start : start + 16] for start in range(8, places, 16))
        return cls(
            items=tuple(str(UUID(bytes=id_)) for id_ in ids),
            x=unpack_from(f"<{count}H", data, places),
            y=unpack_from(f"<{count}H", data, places + 2 * count),
            classes=tuple(
                None if number == _NO_CLASS else number for number in data[places + 4 * count :]
            ),
        )
