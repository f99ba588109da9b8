"""`tasks` and `pipelines`: what can be run."""

import json as json_
from pathlib import Path
from typing import Annotated, Any

import typer

from cratedig import Client, ConflictError, types
from cratedig.cli.output import AsJson, print_json, print_line, print_note, print_table

pipelines = typer.Typer(no_args_is_help=True, help="List, show, save and delete pipelines.")


def tasks(json: AsJson = False) -> None:
    """List tasks with their parameters, and whether a worker offers them now."""
    with Client() as client:
        listed = list(client.tasks.list())
        if json:
            print_json(listed)
            return
        rows = [
            (
                task.name,
                "offered" if task.offered else "no worker",
                ", ".join(task.params.get("properties", ())),
            )
            for task in listed
        ]
        print_table(("TASK", "NOW", "PARAMETERS"), rows)
        print_note("Their types and ranges: cratedig tasks --json")


@pipelines.command("list")
def list_pipelines(json: AsJson = False) -> None:
    """List pipelines, built in and saved."""
    with Client() as client:
        listed = list(client.pipelines.list())
        if json:
            print_json(listed)
            return
        rows = [
            (
                pipeline.spec.name,
                "built in" if pipeline.builtin else "yours",
                ", ".join(step["name"] for step in pipeline.spec.steps),
            )
            for pipeline in listed
        ]
        print_table(("PIPELINE", "KIND", "STEPS"), rows)


@pipelines.command("show")
def pipeline_to_api(
    name: Annotated[str, typer.Argument(help="Name of a pipeline.")], json: AsJson = False
) -> None:
    """Print a pipeline as `save` and `run` read it; with --json also its id and its date."""
    with Client() as client:
        pipeline = client.pipelines.get(name)
        if json:
            print_json(pipeline)
        else:
            print_line(json_.dumps(pipeline.spec.model_dump(mode="json"), indent=2))


@pipelines.command("save")
def save_pipeline(
    file: Annotated[Path, typer.Argument(exists=True, help="A JSON file of a pipeline.")],
    json: AsJson = False,
) -> None:
    """Save a pipeline under the name that is in its file; replace your own of that name."""
    spec = read_pipeline(file)
    with Client() as client:
        try:
            pipeline = client.pipelines.create(spec)
        except ConflictError:
            pipeline = client.pipelines.replace(str(spec.get("name", "")), spec)
        if json:
            print_json(pipeline)
        else:
            print_line(f"{pipeline.spec.name}  saved")


@pipelines.command("delete")
def delete_pipelines(
    names: Annotated[list[str], typer.Argument(help="Names of pipelines of your own.")],
    json: AsJson = False,
) -> None:
    """Delete saved pipelines. Runs that have begun go on."""
    deleted: list[types.Pipeline] = []
    with Client() as client:
        for name in names:
            pipeline = client.pipelines.get(name)
            client.pipelines.delete(name)
            deleted.append(pipeline)
            if not json:
                print_line(f"{name}  deleted")
    if json:
        print_json(deleted)


def read_pipeline(path: Path) -> dict[str, Any]:
    """Read the JSON file of a pipeline. Raises `typer.BadParameter`."""
    try:
        spec = json_.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"Cannot read {path}: {error}") from error
    if not isinstance(spec, dict):
        raise typer.BadParameter(f"{path} holds no JSON object with a name and steps.")
    return spec
