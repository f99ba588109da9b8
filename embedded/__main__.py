"""`python -m embedded`: the whole server in one process tree, on one port.

With `--sign-in` it prints an address that opens the web client signed in to the account of the
machine's own user, which it creates on a server without accounts.
"""

import argparse
import sys

import uvloop

from embedded.folder import keep_to_oneself, open_folder
from embedded.inventory import SERVICES
from embedded.settings import EmbeddedSettings, compose
from embedded.sign_in import has_web_client, make_code, page_address
from gateway.sign_in import sign_in_link
from kit.main import ServiceHost, serve
from kit.observability import logging as logs
from kit.process import StartRefused, prepare
from kit.settings import KitSettings, read


def main() -> None:
    """Start the server, and print its address and the next command."""
    parser = argparse.ArgumentParser(prog="python -m embedded")
    parser.add_argument("--sign-in", action="store_true", help="print a one-time sign-in link")
    sign_in = parser.parse_args().sign_in
    prepare()
    try:
        settings = read(EmbeddedSettings)
        with open_folder(settings.data):
            _run(settings, sign_in=sign_in)
    except StartRefused as error:
        sys.exit(f"cratedig: {error}")


def _run(settings: EmbeddedSettings, *, sign_in: bool) -> None:
    level = read(KitSettings)
    logs.configure(level.log_level, "text" if sys.stderr.isatty() else level.log_format)
    keep_to_oneself(settings.data)
    kit, chosen = compose(settings)

    async def started(server: ServiceHost) -> None:
        url = page_address(settings)
        code = await make_code(settings) if sign_in and has_web_client() else None
        print(
            f"\nCratedig runs at {url}  (API: {url}/docs)\n"
            f"Data folder: {settings.data.resolve()}\n"
            + (f"Open, once within 10 minutes: {sign_in_link(url, code)}\n" if code else "")
            + f"Command line, in another terminal: .venv/bin/cratedig signup --url {url}\n"
            "Press Ctrl-C to stop; running jobs may finish.\n",
            flush=True,
        )

    uvloop.run(serve(SERVICES, kit, chosen=chosen, started=started))


if __name__ == "__main__":
    main()
