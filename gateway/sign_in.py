"""One-time sign-in codes: the operator makes one, and a page exchanges it for a session.

`python -m gateway.sign_in EMAIL` prints an address that opens the web client signed in to an
account, for somebody who lost the password. With `--administrator` it also makes the account an
administrator. It reads the gateway's settings.
"""

import argparse
import asyncio
import secrets
import sys
from datetime import timedelta
from urllib.parse import quote

from contracts.admin import AuditAction
from gateway import repository
from gateway.authenticator import digest
from gateway.settings import GatewaySettings
from gateway.tables import AccountRow, AuditRow, SignInCodeRow
from kit.clock import Clock, SystemClock, new_id
from kit.database.engine import Database
from kit.process import StartRefused
from kit.settings import read

LIFE = timedelta(minutes=10)
"""How long a code can be used; it works once."""
OWNER_EMAIL = "owner@localhost"
"""The account of whoever runs a server on their own machine; it has no password at first."""


class SignInCodes:
    """Makes codes in the gateway's database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def make(self, email: str, *, administrator: bool = False) -> str | None:
        """Return a new code for an account; `None` if there is no such account.

        With `administrator` the account becomes an administrator of the server.
        """
        async with self._database.transaction() as session:
            row = await repository.account_by_email(session, email.casefold())
            if row is None or row.deleted:
                return None
            if administrator and not row.admin:
                row.admin = True
                session.add(
                    AuditRow(
                        id=new_id(),
                        at=self._clock.now(),
                        action=AuditAction.ADMIN_GRANTED.value,
                        account=row.id,
                        address="",
                        target="",
                        detail="",
                    )
                )
            code = secrets.token_urlsafe(32)
            session.add(
                SignInCodeRow(sha256=digest(code), account=row.id, expires=self._clock.now() + LIFE)
            )
        return code

    async def make_for_owner(self) -> str | None:
        """Return a new code for the account of the machine's own user.

        It is created if the server has no account at all, and is its administrator then; `None` if
        only others have accounts.
        """
        async with self._database.transaction() as session:
            await self._database.lock(session, "first-account")
            if not await repository.any_account(session):
                session.add(
                    AccountRow(
                        id=new_id(),
                        email=OWNER_EMAIL,
                        name="",
                        password="",
                        admin=True,
                        created=self._clock.now(),
                    )
                )
        return await self.make(OWNER_EMAIL)


def sign_in_link(url: str, code: str) -> str:
    """Return the address of the web client that logs in with a code."""
    return f"{url.rstrip('/')}/?signin={quote(code)}"


def main() -> None:
    """Print a sign-in link for an account."""
    parser = argparse.ArgumentParser(prog="python -m gateway.sign_in", description=__doc__)
    parser.add_argument("email", help="e-mail address of the account")
    parser.add_argument(
        "--administrator", action="store_true", help="make the account an administrator"
    )
    arguments = parser.parse_args()
    email = arguments.email
    try:
        settings = read(GatewaySettings)
    except StartRefused as error:
        sys.exit(f"cratedig: {error}")
    url = settings.public_url or f"http://{settings.host}:{settings.port or 8080}"
    code = asyncio.run(_make(settings, email, administrator=arguments.administrator))
    if code is None:
        sys.exit(f"cratedig: no account has the address {email}")
    print(f"Works once, for 10 minutes: {sign_in_link(url, code)}")


async def _make(settings: GatewaySettings, email: str, *, administrator: bool) -> str | None:
    clock = SystemClock()
    database = Database(settings.database_url.get_secret_value(), clock=clock, pool=1)
    try:
        return await SignInCodes(database, clock=clock).make(email, administrator=administrator)
    finally:
        await database.close()


if __name__ == "__main__":
    main()
