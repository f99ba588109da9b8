"""Models of a taught tag, one for each space of vectors, and their confidences over a crate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contracts.teaching import LinearModel
from kit.arrays import F32, F64
from kit.vectors.base import OwnedVectors, Space
from kit.vectors.ids import Ids, rows_of
from services.library.teaching.learning import confidences

Models = Mapping[Space, F64]
"""Coefficients `[components + 1]` by space, the bias last."""
Crate = Mapping[Space, OwnedVectors]
"""All vectors of an owner by space."""
ItemMask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a tag's models say of an owner's items.

    Attributes
    ----------
    ids
        Of the items, `[items, 16]`.
    values
        Confidences, `[items]`.
    """

    ids: Ids
    values: F32

    def without(self, excluded: Ids, *, added_until: datetime | None = None) -> ItemMask:
        """Return which items are not excluded and not added after a time, `[items]`."""
        mask = np.ones(len(self.ids), np.bool_)
        rows = rows_of(self.ids, excluded)
        mask[rows[rows >= 0]] = False
        if added_until is not None:
            mask &= _milliseconds(self.ids) <= int(added_until.timestamp() * 1000)
        return mask


def read_models(rows: Sequence[Mapping[str, Any]] | Sequence[LinearModel]) -> dict[Space, F64]:
    """Return models that were stored or imported."""
    models = {}
    for row in rows:
        model = LinearModel.model_validate(row)
        space = Space(model.space, model.space_version, len(model.weights))
        models[space] = np.array((*model.weights, model.bias), np.float64)
    return models


def write_models(models: Models) -> list[LinearModel]:
    """Return models as they are stored and shared."""
    return [
        LinearModel(
            space=space.name,
            space_version=space.version,
            weights=tuple(np.round(coefficients[:-1], 7).tolist()),
            bias=round(float(coefficients[-1]), 7),
        )
        for space, coefficients in models.items()
    ]


def score_crate(crate: Crate, models: Models) -> Scores:
    """Return the confidence of every item whose space has a model: a matrix product for each."""
    parts = [
        (crate[space], coefficients) for space, coefficients in models.items() if space in crate
    ]
    if not parts:
        return Scores(np.empty((0, 16), np.uint8), np.empty(0, np.float32))
    return Scores(
        np.concatenate([owned.ids for owned, _ in parts]),
        np.concatenate([confidences(coefficients, owned.vectors) for owned, coefficients in parts]),
    )


def _milliseconds(ids: Ids) -> NDArray[np.int64]:
    """Return when items were added, in milliseconds since 1970: UUIDs of version 7 begin with it.

    RFC 9562, 5.7.
    """
    wide = np.zeros((len(ids), 8), np.uint8)
    wide[:, 2:] = ids[:, :6]
    return wide.view(">i8")[:, 0].astype(np.int64)
