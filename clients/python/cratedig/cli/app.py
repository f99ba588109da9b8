"""Commands, errors and exit codes.

0  done                        4  no such thing, or not yours
1  something else failed       5  the house refused it (the message tells why)
2  wrong usage                 6  the house does not answer, or is busy
3  not logged in               7  a job failed or was cancelled
"""

import sys
from collections.abc import Callable

import typer

from cratedig.cli import accounts, catalogue, work
from cratedig.errors import (
    Busy,
    CratedigError,
    JobFailed,
    NotFound,
    NotLoggedIn,
    Refused,
    Unreachable,
)

app = typer.Typer(
    name="cratedig",
    help="Take songs apart: stems, samples, tags, MIDI, lyrics and analysis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: tuple[Callable[..., None], ...] = (
    accounts.signup,
    accounts.login,
    accounts.logout,
    accounts.key,
    accounts.invite,
    catalogue.upload,
    catalogue.ls,
    catalogue.show,
    catalogue.get,
    catalogue.rm,
    work.run,
    work.watch,
    work.cancel,
)
for command in _COMMANDS:
    app.command()(command)

_CODES: tuple[tuple[type[CratedigError], int], ...] = (
    (NotLoggedIn, 3),
    (NotFound, 4),
    (Busy, 6),
    (Unreachable, 6),
    (Refused, 5),
    (JobFailed, 7),
    (CratedigError, 1),
)


def exit_code(error: CratedigError) -> int:
    """Return the exit code that tells scripts what went wrong."""
    return next(code for kind, code in _CODES if isinstance(error, kind))


def main() -> None:
    """Run the command line."""
    try:
        app()
    except CratedigError as error:
        trace = getattr(error, "trace", "")
        print(f"cratedig: {error}" + (f"\n  (trace {trace})" if trace else ""), file=sys.stderr)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted; what was begun goes on in the house", file=sys.stderr)
        sys.exit(130)
