"""A taught tag as its file holds it."""

from typing import Any

from services.tagging.engine import PROJECTION
from services.tagging.similarity import Projection

TAUGHT_TAG = {
    "name": "imported",
    "version": 1,
    "threshold": 0.5,
    "models": [{"space": "sample", "space_version": "1", "weights": [1.0], "bias": 0.0}],
}


def taught_tag() -> dict[str, Any]:
    """Return the file of a taught tag that proposes every sample."""
    projection = Projection.load(PROJECTION)
    model = {
        "space": "sample",
        "space_version": projection.version,
        "weights": [0.0] * projection.dimension,
        "bias": 3.0,
    }
    return {
        "format": "cratedig-taught-tag",
        "format_version": 1,
        "name": "everything",
        "version": 1,
        "threshold": 0.5,
        "models": [model],
    }
