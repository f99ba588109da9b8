"""`tag teach`, `tag review` and what belongs to them: tags that learn from answers."""

import json as json_format
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from cratedig import Client, types
from cratedig.cli.lookup import find_item
from cratedig.cli.marking import tag
from cratedig.cli.output import (
    AsJson,
    format_length,
    print_json,
    print_line,
    print_note,
    print_table,
)

__all__ = ["tag"]

Name = Annotated[str, typer.Argument(help="The tag.")]
_ANSWERS: dict[str, types.TagAnswer] = {"y": "yes", "n": "no", "s": "skip"}


@tag.command("teach")
def teach(
    name: Name,
    yes: Annotated[
        list[str] | None, typer.Option("--yes", help="Id or name of a sound that has the tag.")
    ] = None,
    no: Annotated[
        list[str] | None, typer.Option("--no", help="Id or name of one that does not.")
    ] = None,
    back: Annotated[
        list[str] | None, typer.Option("--back", help="Take the answer for a sound back.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Teach a tag with sounds that have it and sounds that do not.

    From five sounds on, the tag proposes others.
    """
    with Client() as client:
        answers: dict[str, types.TagAnswer | None] = {}
        answers |= {find_item(client, word).id: "yes" for word in yes or ()}
        answers |= {find_item(client, word).id: "no" for word in no or ()}
        answers |= {find_item(client, word).id: None for word in back or ()}
        shown = client.taught_tags.create(name)
        if answers:
            shown = client.taught_tags.answer(name, answers)
    _print_tag(shown, json=json)


@tag.command("review")
def review(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Questions.")] = 10,
    json: AsJson = False,
) -> None:
    """Ask about the most doubtful sounds: y has the tag, n does not, s skips, q ends.

    With --json the questions are printed and nothing is asked.
    """
    with Client() as client:
        questions = client.taught_tags.questions(name, page_size=limit).items
        if json:
            print_json(questions)
            return
        if not questions:
            print_note(f"No questions. Teach it first: cratedig tag teach {name} --yes SOUND")
            return
        for number, question in enumerate(questions, start=1):
            text = f"{number}/{len(questions)}  {_describe(question.hit)}  {name}? [y/n/s/q]"
            answer = _ask(text)
            if answer == "q":
                break
            # Each answer is sent at once, so that one who stops loses none.
            client.taught_tags.answer(name, {question.hit.item.id: _ANSWERS[answer]})
        _print_tag(client.taught_tags.get(name), json=False)


@tag.command("proposals")
def proposals(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: AsJson = False,
) -> None:
    """List the sounds that a tag proposes, the surest first."""
    with Client() as client:
        listed = list(islice(client.taught_tags.proposals(name, page_size=min(limit, 200)), limit))
    if json:
        print_json(listed)
    elif listed:
        rows = [(p.hit.item.id, f"{p.confidence:.2f}", *_row(p.hit)) for p in listed]
        print_table(("ID", "CONFIDENCE", "CLASS", "LENGTH", "NAME"), rows)
    else:
        print_note("No proposals.")


@tag.command("accept")
def accept(
    name: Name,
    items: Annotated[
        list[str] | None, typer.Argument(help="Ids or names of proposed sounds.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All proposals.")] = False,
    json: AsJson = False,
) -> None:
    """Put a tag on sounds that it proposes."""
    if all_ == bool(items):
        raise typer.BadParameter("Name the sounds to accept, or give --all.")
    with Client() as client:
        if items:
            ids = [find_item(client, item).id for item in items]
            done = client.taught_tags.confirm(name, ids)
        else:
            done = client.taught_tags.confirm(name, all=True)
    if json:
        print_json(done)
    else:
        print_line(f"{done.confirmed} confirmed, {done.remaining} left")


@tag.command("versions")
def versions(
    name: Name,
    back_to: Annotated[
        int | None, typer.Option("--back-to", min=1, help="Use the version of this number again.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List the versions of a taught tag with their scores, or go back to one."""
    with Client() as client:
        if back_to is not None:
            shown = client.taught_tags.update(name, version=back_to)
        else:
            shown = client.taught_tags.get(name)
    if json:
        print_json(shown.versions)
        return
    columns = ("VERSION", "IN USE", "CREATED", "YES", "NO", "PRECISION", "RECALL", "F1")
    print_table(columns, [_version_row(version, shown.version) for version in shown.versions])


@tag.command("export")
def export_tag(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file; by default NAME.json.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Write a taught tag to a file that others can import. It names no sounds."""
    path = output or Path(f"{name}.json")
    with Client() as client:
        file = client.taught_tags.export(name)
    path.write_text(file.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if json:
        print_json({"file": str(path), "version": file.version})
    else:
        print_line(f"{path}: version {file.version}")


@tag.command("import")
def import_tag(
    file: Annotated[Path, typer.Argument(help="A file of `cratedig tag export`.")],
    name: Annotated[
        str | None, typer.Option("--as", help="The name of the tag; by default that in the file.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Import a taught tag; one of the same name learns on from it."""
    try:
        content: Any = json_format.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise typer.BadParameter(f"{file} is no file of `cratedig tag export`.")
    with Client() as client:
        shown = client.taught_tags.import_file(content, name=name)
    _print_tag(shown, json=json)


def _ask(text: str) -> str:
    while True:
        answer = str(typer.prompt(text, err=True)).strip().lower()[:1]
        if answer in (*_ANSWERS, "q"):
            return answer


def _print_tag(shown: types.TaughtTag, *, json: bool) -> None:
    if json:
        print_json(shown)
        return
    answered = f"{shown.name}: {shown.yes} yes, {shown.no} no"
    if shown.state == "ready" and shown.threshold is not None:
        print_line(
            f"{answered}; version {shown.version} proposes {shown.proposed} sounds "
            f"(confidence from {shown.threshold:.2f} on)"
        )
    else:
        print_line(f"{answered}; {shown.needed} more with the tag are needed")


def _describe(hit: types.SearchHit) -> str:
    return "  ".join(filter(None, (hit.item.name, *_row(hit)[:2])))


def _row(hit: types.SearchHit) -> Sequence[str]:
    audio = hit.item.audio
    return (
        (hit.sound_class or hit.item.kind).replace("_", " "),
        format_length(audio.duration if audio else None),
        hit.item.name,
    )


def _version_row(version: types.TaughtTagVersion, in_use: int | None) -> Sequence[str]:
    score = version.score
    values = (score.precision, score.recall, score.f1) if score else ()
    return (
        str(version.number),
        "*" if version.number == in_use else "",
        f"{version.created_at:%Y-%m-%d %H:%M}",
        str(version.yes),
        str(version.no),
        *([f"{value:.2f}" for value in values] or ("", "", "")),
    )
