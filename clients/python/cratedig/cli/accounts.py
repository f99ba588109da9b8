"""`signup`, `login`, `logout` and `account`."""

from dataclasses import replace
from typing import Annotated

import typer

from cratedig import Client, credentials
from cratedig.cli.output import AsJson, format_size, print_json, print_line, print_note

Url = Annotated[str | None, typer.Option(help="Address of the server.")]
Email = Annotated[str, typer.Option(prompt=True, help="Your email address.")]
Password = Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="CRATEDIG_PASSWORD")]
account = typer.Typer(
    no_args_is_help=True, help="Show and delete the account; change its password."
)


def _anonymous(url: str | None) -> Client:
    stored = credentials.load()
    if url is not None:
        stored = credentials.Credentials(url=url)
    return Client(replace(stored, access_token="", refresh_token=""), save=credentials.save)


def signup(
    email: Email,
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, confirmation_prompt=True, envvar="CRATEDIG_PASSWORD"
        ),
    ],
    name: Annotated[str, typer.Option(help="Your name.")] = "",
    invitation: Annotated[
        str, typer.Option(help="Code of an invitation, if the server requires one.")
    ] = "",
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Open an account and log in. The first account of a new server is its administrator."""
    with _anonymous(url) as client:
        opened = client.account.create(email, password, name=name, invitation=invitation)
        if json:
            print_json(opened)
            return
        role = " as its administrator" if opened.admin else ""
        print_line(f"Welcome, {opened.email}. You are logged in at {client.credentials.url}{role}.")
        print_note("Next: cratedig upload SONG --run midi")


def login(email: Email, password: Password, url: Url = None, json: AsJson = False) -> None:
    """Log in. The session is kept for later commands."""
    with _anonymous(url) as client:
        client.sessions.create(email, password)
        if json:
            print_json(client.account.get())
        else:
            print_line(f"Logged in at {client.credentials.url} as {email}.")


def logout(json: AsJson = False) -> None:
    """Log out: end every session of the account."""
    with Client() as client:
        client.sessions.delete()
        if json:
            print_json({"url": client.credentials.url, "logged_in": False})
        else:
            print_line("Logged out.")


@account.command("show")
def show_account(json: AsJson = False) -> None:
    """Show the account."""
    with Client() as client:
        shown = client.account.get()
        if json:
            print_json(shown)
            return
        name = f" ({shown.name})" if shown.name else ""
        role = ", administrator" if shown.admin else ""
        print_line(f"{shown.email}{name}{role}\n  {shown.id}, opened {shown.created:%Y-%m-%d}")
        print_line(f"  at {client.credentials.url}")


@account.command("password")
def change_password(
    current: Annotated[
        str,
        typer.Option(prompt="Current password", hide_input=True, envvar="CRATEDIG_PASSWORD"),
    ],
    new: Annotated[
        str,
        typer.Option(
            prompt="New password",
            hide_input=True,
            confirmation_prompt=True,
            envvar="CRATEDIG_NEW_PASSWORD",
        ),
    ],
    keep_keys: Annotated[
        bool, typer.Option("--keep-keys", help="Do not revoke the API keys.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Change the password. This ends all other sessions and revokes API keys."""
    with Client() as client:
        shown = client.account.get()
        client.account.change_password(current, new, keep_keys=keep_keys)
        client.sessions.create(shown.email, new)
        if json:
            print_json(shown)
        else:
            kept = "API keys were kept" if keep_keys else "API keys were revoked"
            print_line(f"Password changed. All other sessions have ended; {kept}.")


@account.command("delete")
def delete_account(
    password: Password,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Delete the account with all its items and results."""
    with Client() as client:
        shown = client.account.get()
        question = f"Delete the account {shown.email} with all its items and results?"
        if not yes and not typer.confirm(question, err=True):
            raise typer.Abort
        client.account.delete(password)
        credentials.save(credentials.Credentials(url=client.credentials.url))
        if json:
            print_json(shown)
        else:
            print_line(f"Deleted the account {shown.email}.")


@account.command("usage")
def show_usage(json: AsJson = False) -> None:
    """Show how much the account stores, and its limit."""
    with Client() as client:
        used = client.usage.get()
        if json:
            print_json(used)
            return
        limit = f" of {format_size(used.limit)}" if used.limit else ""
        print_line(f"{format_size(used.total)}{limit} used")
        for name, count in (
            ("originals", used.originals),
            ("results", used.results),
            ("open uploads", used.uploads),
        ):
            print_line(f"  {name:<12} {format_size(count):>9}")
        if used.hidden.total:
            print_line(
                f"{format_size(used.hidden.total)} of it belongs to deleted items: cratedig hidden"
            )
