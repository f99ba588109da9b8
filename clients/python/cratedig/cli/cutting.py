"""`cuts`: the cuts of a recording, edited by hand and rendered as samples."""

from collections.abc import Callable, Iterable
from typing import Annotated, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.following import follow_run, print_work
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, check_choice, print_json, print_note, print_table

cuts = typer.Typer(
    no_args_is_help=True, help="Move, split, merge, delete and render the cuts of a recording."
)
_STEMS = get_args(types.Stem)
_KINDS = get_args(types.SliceKind)
ItemName = Annotated[str, typer.Argument(help="Id or name of an item.")]
Number = Annotated[int, typer.Argument(help="Number of a cut, as `cuts list` shows it.")]
Numbers = Annotated[list[int], typer.Argument(help="Numbers of cuts.")]
StemOption = Annotated[
    str | None, typer.Option("--stem", help="The stem that is cut; without it the item itself.")
]
InSamples = Annotated[
    bool, typer.Option("--samples", help="Positions are samples, and not seconds.")
]


@cuts.command("list")
def list_(item: ItemName, stem: StemOption = None, json: AsJson = False) -> None:
    """List the cuts, and which of them are to be rendered."""
    part = _stem(stem)
    with Client() as client:
        _print(client.cuts.get(find_item(client, item).id, stem=part), json=json)


@cuts.command()
def move(
    item: ItemName,
    cut: Number,
    start: Annotated[float | None, typer.Option(help="Its new start.")] = None,
    end: Annotated[float | None, typer.Option(help="Its new end.")] = None,
    samples: InSamples = False,
    stem: StemOption = None,
    json: AsJson = False,
) -> None:
    """Move one boundary of a cut, or both."""
    if start is None and end is None:
        raise typer.BadParameter("Give --start, --end or both.", param_hint="--start")

    def edits(position: Callable[[float], int]) -> list[types.CutEdit]:
        edit: types.CutEdit = {"do": "move", "cut": cut}
        if start is not None:
            edit["start"] = position(start)
        if end is not None:
            edit["end"] = position(end)
        return [edit]

    _edit(item, edits, stem=stem, samples=samples, json=json)


@cuts.command()
def split(
    item: ItemName,
    cut: Number,
    at: Annotated[float, typer.Option(help="Where the second part starts.")],
    samples: InSamples = False,
    stem: StemOption = None,
    json: AsJson = False,
) -> None:
    """Split a cut in two."""
    _edit(
        item,
        lambda position: [{"do": "split", "cut": cut, "at": position(at)}],
        stem=stem,
        samples=samples,
        json=json,
    )


@cuts.command()
def merge(item: ItemName, numbers: Numbers, stem: StemOption = None, json: AsJson = False) -> None:
    """Merge cuts into one, from the first start to the last end."""
    _edit(item, lambda _: [{"do": "merge", "cuts": numbers}], stem=stem, json=json)


@cuts.command()
def delete(item: ItemName, numbers: Numbers, stem: StemOption = None, json: AsJson = False) -> None:
    """Delete cuts. Their samples are hidden, unless you marked them."""
    _edit(item, lambda _: [{"do": "delete", "cut": cut} for cut in numbers], stem=stem, json=json)


@cuts.command()
def add(
    item: ItemName,
    start: Annotated[float, typer.Option(help="Its start.")],
    end: Annotated[float, typer.Option(help="Its end.")],
    kind: Annotated[str, typer.Option(help=f"What it is: {', '.join(_KINDS)}.")] = "one_shot",
    samples: InSamples = False,
    stem: StemOption = None,
    json: AsJson = False,
) -> None:
    """Add a cut."""
    check_choice(kind, _KINDS, "--kind")
    of_kind = cast(types.SliceKind, kind)
    _edit(
        item,
        lambda position: [
            {"do": "add", "start": position(start), "end": position(end), "kind": of_kind}
        ],
        stem=stem,
        samples=samples,
        json=json,
    )


@cuts.command()
def reset(item: ItemName, stem: StemOption = None, json: AsJson = False) -> None:
    """Return to the machine's cuts."""
    _edit(item, lambda _: [{"do": "reset"}], stem=stem, json=json)


@cuts.command()
def undo(item: ItemName, stem: StemOption = None, json: AsJson = False) -> None:
    """Undo the last change of the list; a second time, make it again."""
    part = _stem(stem)
    field = cast(types.CorrectionField, f"cuts-{part}" if part is not None else "cuts")
    with Client() as client:
        id_ = find_item(client, item).id
        versions = client.corrections.versions(id_, field).items
        if not versions:
            print_note("Nothing to undo: nobody changed these cuts.")
        elif len(versions) == 1 or versions[1].taken_back:
            client.corrections.delete(id_, field)
        else:
            client.corrections.restore(id_, field, versions[1].version)
        _print(client.cuts.get(id_, stem=part), json=json)


@cuts.command()
def render(
    item: ItemName,
    stem: StemOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until the samples are made.")] = True,
    json: AsJson = False,
) -> None:
    """Make and tag the samples of your cuts."""
    part = _stem(stem)
    with Client() as client:
        listed = find_item(client, item)
        run = client.cuts.render(listed.id, stem=part)
        if wait:
            run = follow_run(client, run.id, f"cuts of {listed.name}")
    if json:
        print_json(run)
    else:
        print_work(run)


def _edit(
    item: str,
    edits: Callable[[Callable[[float], int]], Iterable[types.CutEdit]],
    *,
    stem: str | None,
    samples: bool = False,
    json: bool,
) -> None:
    """Make edits and print the list; `edits` gets the function that reads a position."""
    part = _stem(stem)
    with Client() as client:
        id_ = find_item(client, item).id
        listed = client.cuts.get(id_, stem=part)
        rate = 1 if samples else listed.sample_rate
        changes = edits(lambda position: round(position * rate))
        _print(client.cuts.edit(id_, changes, version=listed.version, stem=part), json=json)


def _stem(stem: str | None) -> types.Stem | None:
    check_choice(stem, _STEMS, "--stem")
    return cast(types.Stem | None, stem)


def _print(listed: types.CutList, *, json: bool) -> None:
    if json:
        print_json(listed)
        return
    if not listed.items:
        print_note("There are no cuts. Run slicing, or add one: cratedig cuts add ITEM")
        return
    rows = [
        (
            str(cut.number),
            cut.kind,
            f"{cut.start / listed.sample_rate:.3f}",
            f"{cut.end / listed.sample_rate:.3f}",
            "to render" if cut.stored and not cut.rendered else cut.sample or "",
        )
        for cut in listed.items
    ]
    print_table(("CUT", "KIND", "START", "END", "SAMPLE"), rows)
    if listed.by == "user":
        print_note(f"Your cuts, version {listed.version}; {listed.to_render} to render.")
