"""`python -m embedded`: the whole house in one process tree, on one port."""

import sys

import uvloop

from embedded.inventory import SERVICES
from embedded.settings import DataFolderInUse, EmbeddedSettings, compose, lock
from kit.main import House, serve
from kit.observability import logging as logs


def main() -> None:
    """Start the house and print where it is and what to type next."""
    settings = EmbeddedSettings()
    try:
        held = lock(settings.data)
    except DataFolderInUse as error:
        sys.exit(f"cratedig: {error}")
    with held:
        kit, chosen = compose(settings)
        logs.configure(kit.log_level, "text" if sys.stderr.isatty() else kit.log_format)

        async def started(house: House) -> None:
            url = f"http://{settings.host}:{settings.port}"
            print(
                f"\nCratedig runs at {url}  (API: {url}/docs)\n"
                f"Data folder: {settings.data.resolve()}\n"
                f"Next, in another terminal: .venv/bin/cratedig signup --url {url}\n"
                "Ctrl-C stops it; what runs may finish.\n",
                flush=True,
            )

        uvloop.run(serve(SERVICES, kit, chosen=chosen, started=started))


if __name__ == "__main__":
    main()
