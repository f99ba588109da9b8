"""`python -m tests.support.quick_midi_server`: the embedded server with a quick MIDI service."""

import uvloop

from embedded.folder import open_folder
from embedded.settings import EmbeddedSettings, compose
from gateway.service import SERVICE as GATEWAY
from kit.main import serve
from kit.observability import logging as logs
from kit.service import WorkerSettings
from services.ingest.service import SERVICE as INGEST
from services.library.service import SERVICE as LIBRARY
from tests.support.quick_midi_service import SERVICE as QUICK


def main() -> None:
    """Run it."""
    settings = EmbeddedSettings()
    with open_folder(settings.data):
        kit, chosen = compose(settings)
        logs.configure(kit.log_level, "json")
        quick = {**chosen, "midi": WorkerSettings(slots=2, device="cpu", threads=1)}
        uvloop.run(serve((LIBRARY, GATEWAY, INGEST, QUICK), kit, chosen=quick))


if __name__ == "__main__":
    main()
