"""What commands print: tables and bars for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cratedig.types import Item

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def check_choice(value: str | None, choices: Sequence[str], option: str) -> None:
    """Raise a usage error that lists the choices if an option has another value."""
    if value is not None and value not in choices:
        text = f"{value!r} is not a choice. Choose from {', '.join(choices)}."
        raise typer.BadParameter(text, param_hint=option)


Plain = BaseModel | Mapping[str, Any]


def print_json(value: Plain | Iterable[Plain], *, lines: bool = False) -> None:
    """Print one object, or a list of them, as the one JSON document of a command.

    With `lines` it is one of many objects, each on a line of its own.
    """
    plain: Any
    if isinstance(value, BaseModel | Mapping):
        plain = _plain(value)
    else:
        plain = [_plain(row) for row in value]
    print(json.dumps(plain, indent=None if lines else 2, default=_plain), flush=lines)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else dict(value)


def print_error(error: Exception, code: int, *, subject: str = "", json_: bool) -> None:
    """Print an error on standard error: words, or for programs one JSON object on a line."""
    about = f"{subject}: " if subject else ""
    trace = getattr(error, "trace", "")
    if not json_:
        print(
            f"cratedig: {about}{error}" + (f"\n  (trace {trace})" if trace else ""),
            file=sys.stderr,
        )
        return
    report = {
        "error": getattr(error, "code", type(error).__name__),
        "detail": f"{about}{getattr(error, 'detail', '') or error}",
        "fields": [{"field": f, "message": m} for f, m in getattr(error, "fields", ())],
        "trace": trace,
        "exit": code,
    }
    print(json.dumps(report, ensure_ascii=False), file=sys.stderr)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings at a terminal, and separated by tabs to a program."""
    if not out.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # An id that is cut short cannot be used.
        drawn.add_column(column, no_wrap=column in ("ID", "FILE", "JOB", "RUN"), overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(cell) for cell in row))
    out.print(drawn)


def print_line(text: str) -> None:
    """Print a line of the result on standard output."""
    out.print(escape(text))


def print_note(text: str) -> None:
    """Print a line that is not part of the result, on standard error."""
    err.print(escape(text))


def progress_bars(*, bytes_: bool) -> Progress:
    """Return progress bars on standard error; drawn only at a terminal."""
    last = DownloadColumn() if bytes_ else TextColumn("{task.percentage:>3.0f} %")
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        last,
        TimeRemainingColumn(),
        console=err,
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def format_length(seconds: float | None) -> str:
    """Return a length as minutes, seconds and tenths."""
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def format_size(count: int) -> str:
    """Return a number of bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


def item_row(item: Item) -> tuple[str, ...]:
    """Return an item as a row of `ls`."""
    duration = item.audio.duration if item.audio else None
    return (item.id, item.kind, item.state, format_length(duration), item.name)
