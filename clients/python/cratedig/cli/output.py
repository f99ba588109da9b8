"""What commands print: tables and bars for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cratedig.types import Item

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)


def as_json(value: BaseModel | Iterable[BaseModel]) -> None:
    """Print one object, or a list of them, as JSON."""
    if isinstance(value, BaseModel):
        print(value.model_dump_json(indent=2))
    else:
        print(json.dumps([one.model_dump(mode="json") for one in value], indent=2))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings at a terminal, and separated by tabs to a program."""
    if not out.is_terminal:
        for row in rows:
            print("\t".join(row))
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # An id that is cut short is no id.
        drawn.add_column(column, no_wrap=column in ("ID", "FILE", "JOB"), overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(cell) for cell in row))
    out.print(drawn)


def say(text: str) -> None:
    """Print a line."""
    out.print(escape(text))


def note(text: str) -> None:
    """Print a line that is not part of the result."""
    err.print(escape(text))


def bars(*, bytes_: bool) -> Progress:
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


def length(seconds: float | None) -> str:
    """Return a length as minutes, seconds and tenths."""
    if seconds is None:
        return ""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def size(count: int) -> str:
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
    return (item.id, item.kind, item.state, length(duration), item.name)
