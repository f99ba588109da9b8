"""Query sounds: sounds that are only searched by, and not kept."""

from pathlib import Path
from types import NoneType

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig._async.uploads import AsyncUploads
from cratedig.operations import Operation


class AsyncQuerySounds(AsyncResource):
    """Search by files without keeping them. `file` does all of it; the others are its steps."""

    async def file(self, path: Path, *, wait: float = 8.0) -> types.QuerySound | types.Upload:
        """Send a file of at most 30 s and 32 MiB; return the query sound, or a known upload.

        If an item of yours has the same bytes, the upload that names it is returned: search by its
        `item`.

        Parameters
        ----------
        wait
            Seconds to wait until it is described, at most 8.

        Raises
        ------
        APIStatusError
            The server does not accept the file.
        """
        upload = await AsyncUploads(self._connection).send(path)
        if upload.state != "open":
            return upload
        sound = await self.create(upload.id)
        return await self.get(sound.id, wait=wait)

    async def create(self, upload: str) -> types.QuerySound:
        """Make a query sound of an open upload, all parts of which were sent."""
        return await self._connection.send(
            Operation("POST", "/v1/query-sounds", types.QuerySound, body={"upload": upload})
        )

    async def get(self, sound: str, *, wait: float = 0.0) -> types.QuerySound:
        """Return a query sound, as soon as it is described or after `wait` seconds, at most 8."""
        return await self._connection.send(
            Operation(
                "GET",
                "/v1/query-sounds/{sound}",
                types.QuerySound,
                {"sound": sound},
                query={"wait": wait},
            )
        )

    async def delete(self, sound: str) -> None:
        """Remove a query sound before it expires."""
        await self._connection.send(
            Operation("DELETE", "/v1/query-sounds/{sound}", NoneType, {"sound": sound})
        )
