"""`python -m services.library.search rebuild [--after ITEM]`: write all search documents again.

The server may run meanwhile. If the command is stopped, `--after` with the last item that it
printed goes on from there.
"""

import argparse
import asyncio
import sys

from kit.clock import SystemClock
from kit.database.actors import SERVICE
from kit.database.base import DatabaseUnavailable
from kit.database.engine import Database
from services.library.search.rebuild import rebuild
from services.library.settings import LibrarySettings


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.library.search", description=__doc__)
    parser.add_argument("command", choices=["rebuild"])
    parser.add_argument("--after", default="", metavar="ITEM", help="go on after this item")
    options = parser.parse_args(arguments)
    try:
        count = asyncio.run(_rebuild(options.after))
    except DatabaseUnavailable as error:
        print(f"error: {error}. Go on with --after and the last item above.", file=sys.stderr)
        return 1
    print(f"wrote the search documents of {count} items", file=sys.stderr)
    return 0


async def _rebuild(after: str) -> int:
    url = LibrarySettings().database_url.get_secret_value()
    database = Database(url, clock=SystemClock(), statement_timeout=60.0, actor=SERVICE)
    try:
        return await rebuild(
            database, after=after, on_progress=lambda item, count: print(item, count, flush=True)
        )
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main())
