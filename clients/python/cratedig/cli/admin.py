"""`admin`: what administrators see and change on a server."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Annotated, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.errors import LookupFailedError, UsageError
from cratedig.cli.output import (
    AsJson,
    Plain,
    check_choice,
    format_size,
    print_json,
    print_line,
    print_note,
    print_table,
)

admin = typer.Typer(
    no_args_is_help=True,
    help="Watch workers, queues and storage, and change accounts, as an administrator.",
)
Account = Annotated[str, typer.Argument(help="E-mail address or id of an account.")]
STATES = get_args(types.AdminJobState)
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@admin.command("status")
def show_status(json: AsJson = False) -> None:
    """Show workers, queues, dead letters and storage at a glance."""
    with Client() as client:
        workers, queues = list(client.admin.workers()), list(client.admin.queues())
        dead_letters, storage = list(client.admin.dead_letters()), client.admin.storage()
    online = sum(worker.online for worker in workers)
    figures = {
        "workers_online": online,
        "workers_offline": len(workers) - online,
        "queued": sum(queue.queued for queue in queues),
        "running": sum(queue.running for queue in queues),
        "dead_letters": len(dead_letters),
        "stored": storage.total,
        "free": storage.free,
    }
    if json:
        print_json(figures)
        return
    print_line(f"workers       {online} online, {figures['workers_offline']} offline")
    print_line(f"jobs          {figures['running']} running, {figures['queued']} queued")
    print_line(f"dead letters  {len(dead_letters)}")
    free = f", {format_size(storage.free)} free" if storage.free is not None else ""
    print_line(f"storage       {format_size(storage.total)}{free}")
    for queue in queues:
        if queue.oldest is not None:
            waits = f"{queue.oldest.age:.0f} s: {queue.oldest.message}"
            print_line(f"{queue.task:<12}  {queue.queued} queued, the oldest for {waits}")


@admin.command("workers")
def list_workers(json: AsJson = False) -> None:
    """List the workers of the last day."""
    with Client() as client:
        listed = list(client.admin.workers())
    rows = (
        (
            worker.name,
            "online" if worker.online else "offline",
            f"{worker.running} of {worker.slots}",
            worker.device,
            worker.version,
            f"{worker.last_seen:%Y-%m-%d %H:%M}",
            worker.weights,
        )
        for worker in listed
    )
    columns = ("WORKER", "STATE", "RUNNING", "DEVICE", "VERSION", "SEEN", "WEIGHTS")
    _print(listed, columns, rows, empty="No worker has been here for a day.", json=json)


@admin.command("queues")
def list_queues(json: AsJson = False) -> None:
    """List the queue of each task, with its oldest job and why that job waits."""
    with Client() as client:
        listed = list(client.admin.queues())
    rows = (
        (
            queue.task,
            f"{queue.queued}",
            f"{queue.running}",
            f"{queue.slots}",
            f"{queue.median_run:.1f} s" if queue.median_run is not None else "",
            f"{queue.oldest.job}  {queue.oldest.age:.0f} s: {queue.oldest.message}"
            if queue.oldest
            else "",
        )
        for queue in listed
    )
    _print(
        listed,
        ("TASK", "QUEUED", "RUNNING", "SLOTS", "MEDIAN", "OLDEST"),
        rows,
        empty="",
        json=json,
    )


@admin.command("jobs")
def list_jobs(
    state: Annotated[str, typer.Option(help=f"One of {', '.join(STATES)}.")] = "queued",
    task: Annotated[str | None, typer.Option(help="Only of this task.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account, by id.")] = None,
    json: AsJson = False,
) -> None:
    """List jobs of all accounts: waiting, running, or failed within the last day."""
    check_choice(state, STATES, "--state")
    with Client() as client:
        chosen = cast(types.AdminJobState, state)
        listed = list(client.admin.jobs(chosen, task=task, account=account))
    rows = (
        (
            job.id,
            job.task,
            job.account,
            f"{job.queued:%Y-%m-%d %H:%M:%S}",
            f"{job.attempt}",
            job.reason.message if job.reason else "",
        )
        for job in listed
    )
    columns = ("JOB", "TASK", "ACCOUNT", "QUEUED", "ATTEMPT", "")
    _print(listed, columns, rows, empty="No jobs are in this state.", json=json)


@admin.command("webhooks")
def list_webhooks(json: AsJson = False) -> None:
    """List the webhooks of all accounts, those that fail first."""
    with Client() as client:
        listed = list(client.admin.webhooks())
    rows = (
        (
            webhook.id,
            webhook.account,
            webhook.host,
            webhook.state,
            f"{webhook.failing_since:%Y-%m-%d %H:%M}" if webhook.failing_since else "",
            webhook.reason or "",
        )
        for webhook in listed
    )
    columns = ("WEBHOOK", "ACCOUNT", "HOST", "STATE", "FAILS SINCE", "")
    _print(listed, columns, rows, empty="There are no webhooks.", json=json)


@admin.command("letters")
def list_dead_letters(json: AsJson = False) -> None:
    """List dead letters: records that no consumer could decode or handle."""
    with Client() as client:
        listed = list(client.admin.dead_letters())
    rows = (
        (
            dead_letter.id,
            dead_letter.topic,
            dead_letter.event_type,
            dead_letter.reason.splitlines()[0][:200],
        )
        for dead_letter in listed
    )
    columns = ("ID", "TOPIC", "EVENT", "REASON")
    _print(listed, columns, rows, empty="There are no dead letters.", json=json)


@admin.command("replay")
def replay_dead_letters(
    ids: Annotated[list[str], typer.Argument(help="Ids of dead letters.")], json: AsJson = False
) -> None:
    """Send dead letters back to their topics, once their cause is removed."""
    with Client() as client:
        replayed = [client.admin.replay_dead_letter(id_) for id_ in ids]
    if json:
        print_json(replayed)
    else:
        for dead_letter in replayed:
            print_line(f"{dead_letter.id}  sent to {dead_letter.topic}")


@admin.command("storage")
def show_storage(json: AsJson = False) -> None:
    """Show the stored bytes by kind and by account, and the free space."""
    with Client() as client:
        storage = client.admin.storage()
        emails = {account.id: account.email for account in client.admin.accounts()}
    if json:
        print_json(storage)
        return
    for name in ("originals", "results", "uploads", "total", "limit", "free", "capacity"):
        if (value := getattr(storage, name)) is not None:
            print_line(f"{name:<10}  {format_size(value)}")
    rows = (
        (
            emails.get(account.account, account.account),
            format_size(account.total),
            format_size(account.limit),
        )
        for account in storage.accounts
    )
    print_table(("ACCOUNT", "STORED", "LIMIT"), rows)


@admin.command("models")
def list_models(json: AsJson = False) -> None:
    """List the weights of networks: version, licence, source, and whether a worker has them."""
    with Client() as client:
        listed = list(client.admin.models())
    rows = (
        (
            model.task,
            model.name,
            model.version,
            model.licence,
            "installed" if model.installed else "missing",
            format_size(model.bytes),
            model.source,
        )
        for model in listed
    )
    columns = ("TASK", "NAME", "VERSION", "LICENCE", "STATE", "SIZE", "SOURCE")
    _print(listed, columns, rows, empty="No worker has been here for a day.", json=json)


@admin.command("accounts")
def list_accounts(json: AsJson = False) -> None:
    """List the accounts of the server, newest first."""
    with Client() as client:
        listed = list(client.admin.accounts())
    _print(listed, _ACCOUNT_COLUMNS, map(_account_row, listed), empty="", json=json)


@admin.command("account")
def change_account(
    account: Account,
    disable: Annotated[
        bool | None,
        typer.Option("--disable/--enable", help="End its sessions and keys, or let it in again."),
    ] = None,
    administrator: Annotated[
        bool | None,
        typer.Option("--administrator/--no-administrator", help="Whether it is an administrator."),
    ] = None,
    quota: Annotated[
        str | None,
        typer.Option(help="What it may store, such as 50GB, or `default`."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show an account, or disable it, make it an administrator, set its quota."""
    changes = types.AccountChanges()
    if disable is not None:
        changes["disabled"] = disable
    if administrator is not None:
        changes["admin"] = administrator
    if quota is not None:
        changes["quota"] = _parse_quota(quota)
    with Client() as client:
        shown = _find(client, account)
        if changes:
            shown = client.admin.change_account(shown.id, **changes)
    if json:
        print_json(shown)
    else:
        print_table(_ACCOUNT_COLUMNS, [_account_row(shown)])


@admin.command("link")
def make_link(account: Account, json: AsJson = False) -> None:
    """Create a link that signs in to an account once, to set a new password."""
    with Client() as client:
        link = client.admin.one_time_link(_find(client, account).id)
    if json:
        print_json(link)
    else:
        print_line(link.link)
        print_note(f"Works once, until {link.expires:%Y-%m-%d %H:%M}. Send it to its owner only.")


@admin.command("audit")
def list_audit(
    action: Annotated[
        str | None, typer.Option(help="Only this action, such as sign_in.failed.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Only this account, by e-mail address or id.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = 50,
    json: AsJson = False,
) -> None:
    """List the audit log, newest first: who did what, when and from where."""
    with Client() as client:
        of = _find(client, account).id if account is not None else None
        listed = list(islice(client.admin.audit(action=action, account=of), limit))
    rows = (
        (
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            entry.action,
            entry.actor_email or entry.actor or "",
            entry.account_email or entry.account or "",
            entry.address,
            " ".join(filter(None, (entry.target, entry.detail))),
        )
        for entry in listed
    )
    columns = ("TIME", "ACTION", "WHO", "ACCOUNT", "FROM", "WHAT")
    _print(listed, columns, rows, empty="No entries match.", json=json)


_ACCOUNT_COLUMNS = ("ID", "EMAIL", "ROLE", "STATE", "STORED", "LIMIT", "SIGNED IN")


def _account_row(account: types.AdminAccount) -> tuple[str, ...]:
    return (
        account.id,
        account.email,
        "administrator" if account.admin else "",
        "disabled" if account.disabled_at else "",
        format_size(account.stored) if account.stored is not None else "",
        format_size(account.limit) if account.limit is not None else "",
        f"{account.last_sign_in:%Y-%m-%d}" if account.last_sign_in else "",
    )


def _find(client: Client, account: str) -> types.AdminAccount:
    """Return an account by its e-mail address or id."""
    if "@" not in account:
        return client.admin.account(account)
    for listed in client.admin.accounts(page_size=200):
        if listed.email == account.casefold():
            return listed
    raise LookupFailedError(f"No account has the address {account}. List them: admin accounts")


def _parse_quota(text: str) -> int | None:
    if text == "default":
        return None
    number = text.rstrip("BKMGTbkmgt ")
    unit = text[len(number) :].strip().upper()
    try:
        return round(float(number) * _UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        raise UsageError(f"{text!r} is no size. Give bytes, or 500MB, 50GB, or default.") from None


def _print(
    listed: Sequence[Plain],
    columns: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    *,
    empty: str,
    json: bool,
) -> None:
    if json:
        print_json(listed)
    elif listed:
        print_table(columns, rows)
    elif empty:
        print_note(empty)
