"""`python -m tests.support.full_disk_server`: the embedded server on a disk that can be full.

While its data folder has a file `full`, writing a job's files fails with ENOSPC; each failure adds
a line to that file.
"""

import errno
from pathlib import Path

import uvloop

from embedded.folder import open_folder
from embedded.settings import EmbeddedSettings, compose
from gateway.service import SERVICE as GATEWAY
from kit.bus.factory import open_bus
from kit.durable import Disk
from kit.main import ServiceHost
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from kit.observability import logging as logs
from kit.platform import Platform
from kit.settings import read
from services.ingest.service import SERVICE as INGEST
from services.library.service import SERVICE as LIBRARY


class FillingDisk(Disk):
    """A disk that is full for job outputs while the marker file exists."""

    def __init__(self, full: Path) -> None:
        self._full = full

    def rename(self, draft: Path, target: Path) -> None:
        """Move a draft to its place, or fail as a full disk does."""
        if "derived" in target.parts and self._full.exists():
            with self._full.open("a", encoding="utf-8") as log:
                log.write(f"{target.name}\n")
            raise OSError(errno.ENOSPC, "No space left on device")
        super().rename(draft, target)


async def _run(settings: EmbeddedSettings) -> None:
    kit, chosen = compose(settings)
    logs.configure(kit.log_level, "json")
    data = settings.data.resolve()
    store = FileStore(
        data / "objects",
        signer=Signer(kit.objects_signing_secret.get_secret_value()),
        disk=FillingDisk(data / "full"),
    )
    server = ServiceHost(
        Platform(kit, bus=open_bus(kit), objects=store),
        {**chosen, INGEST.word: read(INGEST.settings)},
    )
    await server.run((LIBRARY, GATEWAY, INGEST))


def main() -> None:
    """Run it until it is killed."""
    settings = EmbeddedSettings()
    with open_folder(settings.data):
        uvloop.run(_run(settings))


if __name__ == "__main__":
    main()
