"""Each test of the port runs on each implementation."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kit.clock import new_id
from kit.objects.base import ObjectStore
from kit.objects.files import FileStore
from kit.objects.minio import MIN_PART, MinioStore, S3Address
from kit.objects.signing import Signer
from tests.support.servers import server_setting

SECRET = "a secret for tests, long enough by far"


@dataclass
class StoreHarness:
    """A store, a client for its signed URLs, and a prefix of the test's own."""

    store: ObjectStore
    http: httpx.AsyncClient
    prefix: str
    folder: Path

    def key(self, name: str) -> str:
        """Return a key of the test's own."""
        return self.prefix + name

    def file(self, data: bytes) -> Path:
        """Return a file with these bytes."""
        path = self.folder / new_id()
        path.write_bytes(data)
        return path


@pytest.fixture(params=["files", pytest.param("s3", marks=pytest.mark.cluster)])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreHarness]:
    """A store that is ready."""
    store: ObjectStore
    transport: httpx.AsyncBaseTransport
    if request.param == "files":
        store = FileStore(tmp_path / "store", signer=Signer(SECRET), part_size=MIN_PART)
        application = store.application()
        assert application is not None
        transport = httpx.ASGITransport(app=application)
    else:
        address = S3Address.parse(server_setting("KIT_OBJECTS_URL"))
        store = MinioStore(address, part_size=MIN_PART)
        transport = httpx.AsyncHTTPTransport()
    await store.ensure()
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        yield StoreHarness(store, http, f"tests/{new_id()}/", tmp_path)
    await store.close()
