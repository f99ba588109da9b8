"""`python -m tests.support.quick_midi_worker`: the quick MIDI service as a worker process."""

import asyncio

from kit.main import serve
from kit.observability import logging as logs
from kit.service import WorkerSettings
from kit.settings import KitSettings
from tests.support.quick_midi_service import SERVICE


def main() -> None:
    """Run it."""
    settings = KitSettings()
    logs.configure(settings.log_level, settings.log_format)
    chosen = {"midi": WorkerSettings(slots=2, device="cpu", threads=1)}
    asyncio.run(serve((SERVICE,), settings, chosen=chosen))


if __name__ == "__main__":
    main()
