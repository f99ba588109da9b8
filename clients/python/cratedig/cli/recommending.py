"""`recommend`: sounds that fit what the user likes, with reasons, and dismissals."""

import time
from typing import Annotated

import typer

from cratedig import Client, types
from cratedig.cli.collections import find_collection
from cratedig.cli.lookup import find_item
from cratedig.cli.output import AsJson, print_json, print_note, print_table

_WAIT, _INTERVAL = 60.0, 0.5
"""Seconds to wait for a list that is computed for the first time, and between two looks."""


def recommend(
    collection: Annotated[
        str | None,
        typer.Argument(
            help="Id or name of a collection to complete, favourites or tray; by default all that "
            "you like counts."
        ),
    ] = None,
    text: Annotated[
        str,
        typer.Option(
            "--filter", help="Filters, such as: class:snare len:<0.5. docs/search.md has all."
        ),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 20,
    dismiss: Annotated[
        str | None, typer.Option(metavar="ITEM", help="Never recommend this item again.")
    ] = None,
    undo: Annotated[
        str | None, typer.Option(metavar="ITEM", help="Let a dismissed item be recommended again.")
    ] = None,
    dismissed: Annotated[
        bool, typer.Option("--dismissed", help="List the dismissed items instead.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List sounds that fit what you like, each with the reason."""
    with Client() as client:
        if dismiss is not None:
            client.recommendations.dismiss(find_item(client, dismiss).id)
        if undo is not None:
            client.recommendations.undo_dismissal(find_item(client, undo).id)
        if dismissed:
            _print_dismissed(list(client.recommendations.dismissed()), json=json)
            return
        of = find_collection(client, collection).id if collection else None
        answer = _computed(client, of, text, limit)
        names: dict[str, str] = {}
        if any(each.reason.kind == "collection" for each in answer.items):
            names = {each.id: each.name for each in client.collections.list()}
    if json:
        print_json(answer)
    elif answer.items:
        rows = [
            (
                each.hit.item.id,
                f"{each.reason.distance:.3f}",
                each.hit.item.name,
                _because(each.reason, names),
            )
            for each in answer.items
        ]
        print_table(("ID", "DISTANCE", "NAME", "BECAUSE"), rows)
    elif answer.state == "computing":
        print_note("They are still being computed. Try again later.")
    else:
        print_note(answer.advice or "No recommendation matches.")


def _print_dismissed(listed: list[types.DismissedRecommendation], *, json: bool) -> None:
    if json:
        print_json(listed)
    elif listed:
        rows = [(each.item.id, f"{each.dismissed:%Y-%m-%d}", each.item.name) for each in listed]
        print_table(("ID", "DISMISSED", "NAME"), rows)
    else:
        print_note("You dismissed nothing.")


def _computed(
    client: Client, collection: str | None, text: str, limit: int
) -> types.Recommendations:
    """Return recommendations once they are computed, or after `_WAIT` seconds as they are."""
    until = time.monotonic() + _WAIT
    while True:
        answer = client.recommendations.list(collection=collection, q=text, page_size=limit)
        if answer.state != "computing" or time.monotonic() > until:
            return answer
        time.sleep(_INTERVAL)


def _because(reason: types.RecommendationReason, collections: dict[str, str]) -> str:
    """Return a reason as a phrase; `collections` are names by id."""
    phrases = {
        "favourite": f"like {reason.name}, a favourite",
        "rating": f"like {reason.name}, which you rated",
        "export": f"like {reason.name}, which you exported",
        "tray": f"like {reason.name} in the tray",
    }
    if reason.kind != "collection":
        return phrases[reason.kind]
    where = collections.get(reason.collection or "", "a collection")
    if reason.alike > 1:
        return f"like {reason.alike} sounds of {where}, such as {reason.name}"
    return f"like {reason.name} of {where}"
