"""Commands, errors and exit codes.

0  done                        4  no such thing, or not yours
1  something else failed       5  the house refused it (the message tells why)
2  wrong usage                 6  the house does not answer, or is busy
3  not logged in               7  a job failed or was cancelled

With --json a command prints one JSON document, `watch` one object a line, and whatever goes wrong
is one JSON object a line on standard error.
"""

import sys
from collections.abc import Callable

import typer

from cratedig.cli import accounts, catalogue, fetch, work
from cratedig.cli.output import exit_code, fault
from cratedig.errors import CratedigError

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
    catalogue.edit,
    fetch.get,
    catalogue.rm,
    work.run,
    work.jobs,
    work.watch,
    work.cancel,
)
for command in _COMMANDS:
    app.command()(command)


class UsageFault(Exception):
    """What was typed is wrong."""

    code = "usage"


def main() -> None:
    """Run the command line."""
    json = "--json" in sys.argv[1:]
    try:
        # For programs whatever goes wrong is told here, and as JSON.
        sys.exit(app(standalone_mode=not json))
    except CratedigError as error:
        fault(error, code := exit_code(error), json_=json)
        sys.exit(code)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        fault(error, 1, json_=json)
        sys.exit(1)
    except typer.Abort:
        fault(UsageFault("stopped by you; nothing was done"), 1, json_=json)
        sys.exit(1)
    except Exception as error:
        # What is wrong with the arguments; its class is not part of every version of typer.
        if (words := getattr(error, "format_message", None)) is None:
            raise
        fault(UsageFault(words()), 2, json_=json)
        sys.exit(2)
