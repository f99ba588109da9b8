"""Corrections: values of the user that count instead of the machine's."""

from types import NoneType
from typing import Any

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation


class AsyncCorrections(AsyncResource):
    """Correct what was found out about an item, take it back, and restore versions."""

    async def list(self, item: str) -> types.Corrections:
        """Return all corrections of an item; the machine's lanes are left out."""
        return await self._connection.send(
            Operation("GET", "/v1/items/{item}/corrections", types.Corrections, {"item": item})
        )

    async def get(self, item: str, field: types.CorrectionField) -> types.Correction:
        """Return a correction with the machine's value, also of a lane."""
        return await self._connection.send(
            Operation(
                "GET",
                "/v1/items/{item}/corrections/{field}",
                types.Correction,
                {"item": item, "field": field},
            )
        )

    async def put(self, item: str, field: types.CorrectionField, value: Any) -> types.Correction:
        """Correct a value; it counts from now on, also after a new job.

        Parameters
        ----------
        value
            A class such as `snare`, beats per minute, `double` or `half`, a key such as `Am`, or
            all entries of a lane as the files of results have them.
        """
        return await self._connection.send(
            Operation(
                "PUT",
                "/v1/items/{item}/corrections/{field}",
                types.Correction,
                {"item": item, "field": field},
                body={"value": value},
            )
        )

    async def delete(self, item: str, field: types.CorrectionField) -> None:
        """Take a correction back: the machine's value counts again."""
        await self._connection.send(
            Operation(
                "DELETE",
                "/v1/items/{item}/corrections/{field}",
                NoneType,
                {"item": item, "field": field},
            )
        )

    async def versions(self, item: str, field: types.CorrectionField) -> types.CorrectionVersions:
        """Return the versions of a correction, the newest first."""
        return await self._connection.send(
            Operation(
                "GET",
                "/v1/items/{item}/corrections/{field}/versions",
                types.CorrectionVersions,
                {"item": item, "field": field},
            )
        )

    async def restore(
        self, item: str, field: types.CorrectionField, version: int
    ) -> types.Correction:
        """Correct a field to the value of an earlier version."""
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/items/{item}/corrections/{field}/versions/{version}/restore",
                types.Correction,
                {"item": item, "field": field, "version": str(version)},
            )
        )
