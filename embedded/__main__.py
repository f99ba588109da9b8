"""`python -m embedded`: the whole server in one process tree, on one port."""

import sys

import uvloop

from embedded.folder import keep_to_oneself, open_folder
from embedded.inventory import SERVICES
from embedded.settings import EmbeddedSettings, compose
from kit.main import ServiceHost, serve
from kit.observability import logging as logs
from kit.process import StartRefused, prepare
from kit.settings import KitSettings, read


def main() -> None:
    """Start the server, and print its address and the next command."""
    prepare()
    try:
        settings = read(EmbeddedSettings)
        with open_folder(settings.data):
            _run(settings)
    except StartRefused as error:
        sys.exit(f"cratedig: {error}")


def _run(settings: EmbeddedSettings) -> None:
    level = read(KitSettings)
    logs.configure(level.log_level, "text" if sys.stderr.isatty() else level.log_format)
    keep_to_oneself(settings.data)
    kit, chosen = compose(settings)

    async def started(server: ServiceHost) -> None:
        url = f"http://{settings.host}:{settings.port}"
        print(
            f"\nCratedig runs at {url}  (API: {url}/docs)\n"
            f"Data folder: {settings.data.resolve()}\n"
            f"Next, in another terminal: .venv/bin/cratedig signup --url {url}\n"
            "Press Ctrl-C to stop; running jobs may finish.\n",
            flush=True,
        )

    uvloop.run(serve(SERVICES, kit, chosen=chosen, started=started))


if __name__ == "__main__":
    main()
