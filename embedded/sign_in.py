"""One-time sign-in links of an embedded server.

`python -m embedded.sign_in [EMAIL]` prints an address that opens the web client signed in, without
an address to the account of the machine's own user. The server may be running.
"""

import argparse
import asyncio
import sys

from embedded.settings import EmbeddedSettings
from gateway.settings import GatewaySettings
from gateway.sign_in import SignInCodes, sign_in_link
from kit.clock import SystemClock
from kit.database.engine import Database
from kit.process import StartRefused
from kit.settings import read


async def make_code(
    settings: EmbeddedSettings, email: str | None = None, *, administrator: bool = False
) -> str | None:
    """Return a one-time code of an account, by default that of the machine's own user.

    With `administrator` a named account becomes an administrator.

    `None` if there is no such account, or no server has used the data folder yet.
    """
    path = settings.data.resolve() / "gateway.db"
    if not path.is_file():
        return None
    clock = SystemClock()
    database = Database(f"sqlite+aiosqlite:///{path}", clock=clock, pool=1)
    try:
        codes = SignInCodes(database, clock=clock)
        if email:
            return await codes.make(email, administrator=administrator)
        return await codes.make_for_owner()
    finally:
        await database.close()


def page_address(settings: EmbeddedSettings) -> str:
    """Return the address of the server for a browser on this machine."""
    public = read(GatewaySettings).public_url
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    return public or f"http://{host}:{settings.port}"


def has_web_client() -> bool:
    """Return whether the web client is built."""
    return (read(GatewaySettings).web / "index.html").is_file()


def main() -> None:
    """Print a sign-in link."""
    parser = argparse.ArgumentParser(prog="python -m embedded.sign_in", description=__doc__)
    parser.add_argument("email", nargs="?", help="e-mail address of the account")
    parser.add_argument(
        "--administrator", action="store_true", help="make the named account an administrator"
    )
    arguments = parser.parse_args()
    email = arguments.email
    try:
        settings = read(EmbeddedSettings)
        address = page_address(settings)
    except StartRefused as error:
        sys.exit(f"cratedig: {error}")
    code = asyncio.run(make_code(settings, email, administrator=arguments.administrator))
    if code is None:
        sys.exit(
            f"cratedig: no account has the address {email}"
            if email
            else f"cratedig: no server has used {settings.data} yet, or it has accounts of others: "
            "start it (make run), or name an account (make sign-in ARGS=EMAIL)"
        )
    print(f"Works once, for 10 minutes: {sign_in_link(address, code)}")


if __name__ == "__main__":
    main()
