"""`export`."""

from pathlib import Path
from typing import Annotated

import typer

from cratedig import Client, JobFailedError, NotFoundError, names, types
from cratedig.cli.collections import BUILT_IN, find_collection
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.folders import download
from cratedig.cli.following import follow_job
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, check_choice, print_json, print_line, print_note
from cratedig.cli.submission import Params, Submission

EXPORT = "export"
"""The task."""


def export(
    preset: Annotated[str, typer.Argument(help="What to write, such as stems or dawproject.")],
    what: Annotated[
        str, typer.Argument(help="Id or name of a song, sample or collection; favourites or tray.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to put it in.")] = Path(),
    param: Params = None,
    force: Annotated[bool, typer.Option(help="Write it again even if it exists.")] = False,
    json: AsJson = False,
) -> None:
    """Write a song or a collection as one ZIP archive for a DAW, a sampler or a player.

    `cratedig tasks --json` has the presets and their parameters.
    """
    submission = Submission.parse(EXPORT, param, "interactive", force=force)
    with Client() as client:
        _check_preset(client, preset)
        item, collection = _find(client, what)
        title = item.name if item else collection.name if collection else what
        job = client.jobs.create(
            item.id if item else None,
            EXPORT,
            collection=collection.id if collection else None,
            params={**_nested(submission.params), "preset": preset},
            force=force,
        )
        job = follow_job(client, job.id, f"{preset} of {title}")
        bundle = next((f for f in client.jobs.artifacts(job.id) if f.kind == "bundle"), None)
        if bundle is None:
            text = job.reason.message if job.reason else "the job wrote no bundle"
            raise JobFailedError(job.id, job.state, job.reason.code if job.reason else "", text)
        base = Path(title).stem if item else title
        name = names.safe_name(f"{names.safe_name(base, max_bytes=150)} – {bundle.name}")
        path = download(client, bundle, output / name)
    result = job.result or {}
    if json:
        print_json({**bundle.model_dump(mode="json"), "path": str(path), "result": result})
        return
    print_line(str(path))
    for text in (*result.get("remarks", ()), *result.get("left_out", ())):
        print_note(text)


def _check_preset(client: Client, preset: str) -> None:
    """Raise `typer.BadParameter` if the server has no such preset."""
    task = next((task for task in client.tasks.list() if task.name == EXPORT), None)
    if task is None or not task.offered:
        raise LookupFailedError("No worker of this server exports. Start one: services.export")
    known = task.params["$defs"]["Preset"]["enum"]
    check_choice(preset, known, "PRESET")


def _find(client: Client, what: str) -> tuple[types.Item | None, types.Collection | None]:
    """Return the item, or the collection, with an id or a name. Raises `LookupFailedError`."""
    if what in BUILT_IN:
        return None, find_collection(client, what)
    try:
        return find_item(client, what), None
    except LookupFailedError as no_item:
        try:
            return None, find_collection(client, what)
        except (LookupFailedError, NotFoundError):
            raise no_item from None


def _nested(params: dict[str, object]) -> dict[str, object]:
    """Return parameters in which `mixdown.click` is the field `click` of `mixdown`."""
    nested: dict[str, object] = {}
    for path, value in params.items():
        name, dot, field = path.partition(".")
        if not dot:
            nested[name] = value
            continue
        options = nested.setdefault(name, {})
        if not isinstance(options, dict):
            text = f"{name} cannot have both a value and the field {field!r}."
            raise typer.BadParameter(text, param_hint="--param")
        options[field] = value
    return nested
