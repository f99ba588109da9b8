"""The commands, and what happens when one fails.

With --json a command prints one JSON document, `watch` one object a line, and an error is one JSON
object on standard error. `cratedig.cli.errors` lists the exit codes.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from cratedig.cli import (
    access,
    accounts,
    admin,
    catalogue,
    collections,
    correcting,
    cutting,
    downloads,
    exporting,
    hiding,
    importing,
    maps,
    marking,
    processing,
    recommending,
    searching,
    similarity,
    syncing,
    teaching,
    uploading,
    webhooks,
    work,
)
from cratedig.cli.errors import UsageError, exit_code
from cratedig.cli.output import print_error
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
    uploading.upload,
    catalogue.ls,
    searching.search,
    searching.searches,
    searching.descriptors,
    similarity.similar,
    similarity.duplicates,
    recommending.recommend,
    catalogue.show,
    catalogue.edit,
    downloads.get,
    exporting.export,
    hiding.rm,
    hiding.restore,
    hiding.hidden,
    importing.imports,
    syncing.sync,
    marking.favourite,
    marking.rate,
    correcting.correct,
    correcting.corrections,
    work.run,
    work.jobs,
    work.runs,
    work.watch,
    work.cancel,
    work.retry,
    processing.tasks,
)
for command in _COMMANDS:
    app.command()(command)
app.command("import")(importing.import_from)


def _print_version(requested: bool) -> None:
    if requested:
        print(version("cratedig"))
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take songs apart: stems, samples, tags, MIDI, lyrics and analysis."""


app.add_typer(importing.pack, name="pack")
app.add_typer(teaching.tag, name="tag")
app.add_typer(collections.collection, name="collection")
app.add_typer(cutting.cuts, name="cuts")
app.add_typer(maps.maps, name="map")
app.add_typer(processing.pipelines, name="pipelines")
app.add_typer(accounts.account, name="account")
app.add_typer(access.keys, name="keys")
app.add_typer(access.invitations, name="invitations")
app.add_typer(admin.admin, name="admin")
app.add_typer(webhooks.webhook, name="webhook")


def main() -> None:
    """Run the command line."""
    json = "--json" in sys.argv[1:]
    try:
        # For programs every error is printed here, as JSON.
        sys.exit(app(standalone_mode=not json))
    except CratedigError as error:
        print_error(error, code := exit_code(error), json_=json)
        sys.exit(code)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        print_error(error, 1, json_=json)
        sys.exit(1)
    except typer.Abort:
        print_error(UsageError("Stopped. Nothing was changed."), 1, json_=json)
        sys.exit(1)
    except Exception as error:
        # Wrong arguments. The class of this error is not public in every version of typer.
        if (message := getattr(error, "format_message", None)) is None:
            raise
        print_error(UsageError(message()), 2, json_=json)
        sys.exit(2)
