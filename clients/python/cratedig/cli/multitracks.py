"""`upload --multitrack`: files of stems become one song."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast, get_args

import typer

from cratedig import Client, JobFailedError, types
from cratedig.cli.errors import RejectedError
from cratedig.cli.following import follow_job

_STEMS = tuple(stem for stem in get_args(types.Stem) if stem != "mix")
Upload = Callable[[Path, types.Stem], types.Upload]


def parse_parts(arguments: Iterable[str]) -> list[tuple[types.Stem, Path]]:
    """Return the stems and files of `STEM=FILE` arguments. Raises `typer.BadParameter`."""
    parts = []
    for argument in arguments:
        stem, sign, name = argument.partition("=")
        if not sign or stem not in _STEMS:
            raise typer.BadParameter(
                f"{argument!r} is no STEM=FILE, such as drums=drums.wav. Stems: "
                f"{', '.join(_STEMS)}.",
                param_hint="PATHS",
            )
        path = Path(name)
        if not path.is_file():
            raise typer.BadParameter(f"There is no file {name!r}.", param_hint="PATHS")
        parts.append((cast(types.Stem, stem), path))
    return parts


def upload_multitrack(
    client: Client, name: str, parts: Iterable[tuple[types.Stem, Path]], upload: Upload
) -> types.Item:
    """Upload files of stems, make a song of them, and return it once its mix is multitrack.

    Parameters
    ----------
    upload
        Uploads a file and waits until its item is ready.

    Raises
    ------
    RejectedError
        The mix could not be multitrack.
    """
    items: list[types.MultitrackPart] = [
        {"item": str(upload(path, stem).item), "stem": stem} for stem, path in parts
    ]
    multitrack = client.multitracks.create(name, items)
    try:
        follow_job(client, multitrack.job, name)
    except JobFailedError as error:
        reason = client.items.get(multitrack.item.id).rejection or str(error)
        raise RejectedError(f"{name}: {reason}") from error
    return client.items.get(multitrack.item.id)
