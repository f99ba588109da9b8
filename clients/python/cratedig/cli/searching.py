"""`search`, `searches` and `descriptors`."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.catalogue import KINDS, STEMS
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.output import (
    AsJson,
    check_choice,
    format_length,
    format_size,
    print_json,
    print_line,
    print_note,
    print_table,
)

FORMATS = get_args(types.DescriptorFormat)
MAX_SHOWN_TAGS = 4
MAX_SHOWN_COUNTS = 6
"""Values of a facet that are shown, the most frequent ones."""


def search(
    text: Annotated[
        str,
        typer.Argument(
            help="Words and filters in quotes, such as 'dusty snare bpm:118-128 key:Am~ -loop'; "
            "after -- if they begin with a minus: -- '-loop snare'."
        ),
    ] = "",
    sound_class: Annotated[
        list[str] | None, typer.Option("--class", help="Only this class, such as kick.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"Only {', '.join(KINDS)}.")] = None,
    stem: Annotated[list[str] | None, typer.Option(help="Only this stem.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag.")] = None,
    bpm: Annotated[str | None, typer.Option(help="Tempo, such as 118-128.")] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Key, such as Am; Am~ also finds compatible keys.")
    ] = None,
    duration: Annotated[str | None, typer.Option(help="Seconds, such as '<0.5'.")] = None,
    source: Annotated[
        list[str] | None, typer.Option("--from", help="Only what was cut from this song.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(help="relevance, created, name, bpm or duration; -name descends.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Leave out the first ones.")] = 0,
    save: Annotated[
        str | None, typer.Option(help="Save the search under this name; `searches` lists them.")
    ] = None,
    notify: Annotated[
        bool, typer.Option(help="With --save: report new matches as events, as `watch` shows them.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Search items by words, sound and metadata. docs/search.md describes the filters."""
    for chosen, choices, option in ((kind, KINDS, "--kind"), (stem, STEMS, "--stem")):
        for value in chosen or ():
            check_choice(value, choices, option)
    if notify and save is None:
        raise typer.BadParameter("--notify goes with --save NAME.")
    with Client() as client:
        result = client.search.find(
            text,
            sound_class=cast(list[types.SoundClass], sound_class or []),
            kind=cast(list[types.ItemKind], kind or []),
            stem=cast(list[types.Stem], stem or []),
            tag=tag or [],
            bpm=bpm,
            key=key or [],
            duration=duration,
            source=source or [],
            sort=sort,
            counts=True,
            page_size=limit,
            offset=offset,
        )
        if save is not None:
            saved = client.saved_searches.create(save, result.query, notify=notify)
            print_note(f"Saved as {saved.name}. Search it again: cratedig search '{_use(saved)}'")
    if json:
        print_json(result)
        return
    for part in result.understood:
        print_note(f"  {part.text}: {part.meaning}")
    if result.items:
        columns = ("ID", "CLASS", "BPM", "KEY", "LENGTH", "TAGS", "NAME")
        print_table(columns, map(_row, result.items))
        last = offset + len(result.items)
        print_note(f"{offset + 1} to {last} of {result.total}")
        _print_counts(result.facets)
    else:
        print_note("No items match." if not offset else f"Only {result.total} items match.")


def searches(
    seen: Annotated[
        str | None, typer.Option(help="Note that you looked at this one, by name or id.")
    ] = None,
    delete: Annotated[str | None, typer.Option(help="Delete this one, by name or id.")] = None,
    json: AsJson = False,
) -> None:
    """List saved searches with how many new items each found. `search --save` saves one."""
    with Client() as client:
        if seen is not None:
            client.saved_searches.seen(_find(client, seen).id)
        if delete is not None:
            client.saved_searches.delete(_find(client, delete).id)
        listed = list(client.saved_searches.list())
    if json:
        print_json(listed)
    elif listed:
        rows = [
            (
                search.name,
                f"{search.new} new",
                "" if search.total is None else f"{search.total} in total",
                "notifies" if search.notify else "",
                search.q,
            )
            for search in listed
        ]
        print_table(("NAME", "NEW", "TOTAL", "", "SEARCH"), rows)
    else:
        print_note("No saved searches yet. Save one: cratedig search TEXT --save NAME")


def descriptors(
    file: Annotated[Path, typer.Argument(help="File to write: FILE.parquet or FILE.npz.")],
    text: Annotated[str, typer.Argument(help="Words and filters, as those of `search`.")] = "",
    vectors: Annotated[bool, typer.Option(help="Add the vectors of sounds.")] = True,
    json: AsJson = False,
) -> None:
    """Write all that is known and measured of every item of a search into one file."""
    format_ = file.suffix.removeprefix(".").lower()
    check_choice(format_, FORMATS, "FILE")
    with Client() as client:
        chosen = cast(types.DescriptorFormat, format_)
        client.search.descriptors(file, text, format=chosen, vectors=vectors)
    size = file.stat().st_size
    if json:
        print_json({"path": str(file), "size": size})
    else:
        print_line(f"{file}  {format_size(size)}")


def _find(client: Client, name: str) -> types.SavedSearch:
    """Return the saved search with an id or a name. Raises `LookupFailedError`."""
    for search in client.saved_searches.list():
        if name == search.id or name.casefold() == search.name.casefold():
            return search
    raise LookupFailedError(
        f"No saved search has the name {name!r}. `cratedig searches` lists them."
    )


def _use(search: types.SavedSearch) -> str:
    """Return the part of a query that finds what a saved search finds."""
    return f'search:"{search.name}"'


def _row(hit: types.SearchHit) -> tuple[str, ...]:
    audio = hit.item.audio
    tags = ", ".join(tag.name for tag in hit.tags[:MAX_SHOWN_TAGS])
    return (
        hit.item.id,
        (hit.sound_class or hit.item.kind).replace("_", " "),
        f"{hit.bpm:g}" if hit.bpm else "",
        hit.camelot or "",
        format_length(audio.duration if audio else None),
        tags,
        hit.item.name,
    )


def _print_counts(facets: types.Facets | None) -> None:
    """Print the most frequent values of facets that have several."""
    if facets is None:
        return
    named = (("class", facets.classes), ("tag", facets.tags), ("key", facets.keys))
    for name, counts in named:
        if len(counts) > 1:
            shown = [f"{count.value} {count.count}" for count in counts[:MAX_SHOWN_COUNTS]]
            print_note(f"  {name}: {', '.join(shown)}")
