"""`python -m benchmarks.noop_server`: the embedded server with jobs that do nothing."""

import os

import uvloop

from benchmarks.noop import SERVICE as NOOP
from embedded.folder import open_folder
from embedded.settings import EmbeddedSettings, compose
from gateway.service import SERVICE as GATEWAY
from kit.main import serve
from kit.observability import logging as logs
from kit.service import WorkerSettings
from services.ingest.service import SERVICE as INGEST
from services.library.service import SERVICE as LIBRARY


def main() -> None:
    """Run it."""
    settings = EmbeddedSettings()
    with open_folder(settings.data):
        kit, chosen = compose(settings)
        logs.configure(kit.log_level, "json")
        slots = int(os.environ.get("NOOP_SLOTS", "4"))
        noop = {**chosen, "midi": WorkerSettings(slots=slots, device="cpu", threads=1)}
        uvloop.run(serve((LIBRARY, GATEWAY, INGEST, NOOP), kit, chosen=noop))


if __name__ == "__main__":
    main()
