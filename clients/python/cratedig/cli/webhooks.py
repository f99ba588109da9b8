"""`webhook`: events that the server sends to an address."""

from datetime import UTC, datetime
from typing import Annotated, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.errors import RejectedError
from cratedig.cli.output import (
    AsJson,
    check_choice,
    print_json,
    print_line,
    print_note,
    print_table,
)

STATES = get_args(types.DeliveryState)
webhook = typer.Typer(no_args_is_help=True, help="Send the account's events to an address.")
Id = Annotated[str, typer.Argument(help="Id of a webhook; `webhook list` shows it.")]


@webhook.command("add")
def add(
    url: Annotated[str, typer.Argument(help="A web address that begins with https://.")],
    event: Annotated[
        list[str] | None,
        typer.Option(help="Only events of this type, such as job.succeeded; all by default."),
    ] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    json: AsJson = False,
) -> None:
    """Create a webhook and show its secret. It gets nothing before `webhook test` has passed."""
    with Client() as client:
        created = client.webhooks.create(url, event_types=event or (), description=description)
    if json:
        print_json(created)
        return
    print_line(f"{created.id}  {created.secret}")
    print_note(
        "Store the secret now: it is not shown again. Start your receiver with it, then: "
        f"cratedig webhook test {created.id}"
    )


@webhook.command("list")
def list_webhooks(json: AsJson = False) -> None:
    """List webhooks."""
    with Client() as client:
        listed = list(client.webhooks.list())
    if json:
        print_json(listed)
    elif listed:
        rows = [
            (each.id, each.state, " ".join(each.event_types) or "all", each.url, each.reason or "")
            for each in listed
        ]
        print_table(("ID", "STATE", "EVENTS", "ADDRESS", ""), rows)
    else:
        print_note("No webhooks. Create one: cratedig webhook add https://…")


@webhook.command("test")
def send_challenge(id_: Id, json: AsJson = False) -> None:
    """Send a challenge; if the address answers it, the webhook becomes active."""
    with Client() as client:
        tested = client.webhooks.test(id_)
    if not tested.passed:
        raise RejectedError(tested.reason or "The test failed.")
    if json:
        print_json(tested)
    else:
        print_line(f"{id_}  {tested.webhook.state}")


@webhook.command("log")
def log(
    id_: Id,
    state: Annotated[str | None, typer.Option(help=f"Only {', '.join(STATES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    json: AsJson = False,
) -> None:
    """List the events that were queued for a webhook, newest first, with their last attempts."""
    check_choice(state, STATES, "--state")
    with Client() as client:
        pages = client.webhooks.deliveries(
            id_, state=cast(types.DeliveryState | None, state), page_size=min(limit, 200)
        )
        listed = [each for each, _ in zip(pages, range(limit), strict=False)]
    if json:
        print_json(listed)
        return
    rows = [
        (
            each.event,
            each.type,
            each.state,
            f"{each.attempts}",
            f"{each.created:%Y-%m-%d %H:%M:%S}",
            each.reason or "",
        )
        for each in listed
    ]
    print_table(("EVENT", "TYPE", "STATE", "ATTEMPTS", "CREATED", ""), rows)


@webhook.command("replay")
def replay(
    id_: Id,
    events: Annotated[list[str] | None, typer.Argument(help="Ids of events.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Instead of ids: all events from this time on, in UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="With --since: those before this time, in UTC.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Send events again, or those that a webhook missed."""
    if bool(events) == (since is not None):
        raise typer.BadParameter("Name events, or give --since TIME.")
    start, end = _utc(since), _utc(until)
    with Client() as client:
        answer = client.webhooks.replay(id_, events=events or (), since=start, until=end)
        count = answer.count
        while answer.next is not None:
            answer = client.webhooks.replay(id_, since=start, until=end, cursor=answer.next)
            count += answer.count
    if json:
        print_json({"count": count})
    else:
        print_line(f"{count} events are sent again.")


@webhook.command("secret")
def secret(id_: Id, json: AsJson = False) -> None:
    """Give a webhook another secret; the previous one also signs for 24 hours."""
    with Client() as client:
        rotated = client.webhooks.rotate_secret(id_)
    if json:
        print_json(rotated)
    else:
        print_line(f"{rotated.id}  {rotated.secret}")


@webhook.command("remove")
def remove(id_: Id, json: AsJson = False) -> None:
    """Delete a webhook; nothing more is sent to its address."""
    with Client() as client:
        client.webhooks.delete(id_)
    if json:
        print_json({"id": id_, "removed": True})
    else:
        print_line(f"{id_}  removed")


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)
