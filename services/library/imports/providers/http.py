"""`http`: one file at an address."""

from pathlib import PurePosixPath

from contracts.imports import ImportCreate
from services.library.imports.files import MAX_NAME, FileDetails
from services.library.imports.providers.base import Listing, RemoteFile
from services.library.imports.web import Web


class DirectLink:
    """A file at an address."""

    title = "A file at a web address"
    needs_key = False

    async def find(self, request: ImportCreate, web: Web) -> Listing:
        """Return the file; nothing is read yet. Raises `WebError`."""
        url = web.check(request.reference)
        name = PurePosixPath(url.path).name[:MAX_NAME] or url.host
        details = FileDetails(name=name, metadata={"url": request.reference})
        return Listing(name, [RemoteFile(str(url), name, details)])
