"""Rows of maps as clients see them."""

from contracts.ids import CollectionId
from contracts.maps import Map, MapLabel, MapState
from services.library.maps.tables import MapRow


def map_to_api(row: MapRow) -> Map:
    """Return a map as clients see it."""
    return Map(
        name=row.name,
        collection=CollectionId(row.collection) if row.collection is not None else None,
        state=MapState(row.state),
        reason=row.reason,
        seed=row.seed,
        points=row.points,
        trustworthiness=row.trustworthiness,
        computed_at=row.computed,
        labels=tuple(map(MapLabel.model_validate, row.labels)),
    )
