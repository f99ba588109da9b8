"""`signup`, `login`, `logout`, `key`, `invite`."""

from dataclasses import replace
from typing import Annotated

import typer

from cratedig import session
from cratedig.cli.output import AsJson, as_json, note, say
from cratedig.client import Client

Url = Annotated[str | None, typer.Option(help="Address of the house.")]
Email = Annotated[str, typer.Option(prompt=True, help="Your address.")]
SCOPES = ("catalogue:read", "catalogue:write", "jobs:write")


def _open(url: str | None) -> Client:
    credentials = session.load()
    if url is not None:
        credentials = session.Credentials(url=url)
    return Client(replace(credentials, access_token="", refresh_token=""), save=session.save)


def signup(
    email: Email,
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, confirmation_prompt=True, envvar="CRATEDIG_PASSWORD"
        ),
    ],
    name: Annotated[str, typer.Option(help="How to call you.")] = "",
    invitation: Annotated[
        str, typer.Option(help="From an administrator, where the server asks for one.")
    ] = "",
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Open an account and log in. The first account of a fresh house administers it."""
    with _open(url) as client:
        account = client.signup(email, password, name=name, invitation=invitation)
        if json:
            as_json(account)
            return
        role = ", its administrator" if account.admin else ""
        say(f"Welcome, {account.email}: logged in at {client.credentials.url}{role}.")
        note("Next: cratedig upload SONG --run midi")


def login(
    email: Email,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, envvar="CRATEDIG_PASSWORD")
    ],
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Log in; the session is kept for later commands."""
    with _open(url) as client:
        client.login(email, password)
        if json:
            as_json(client.account())
        else:
            say(f"Logged in at {client.credentials.url} as {email}.")


def logout(json: AsJson = False) -> None:
    """End the session, here and in the house."""
    with Client() as client:
        client.logout()
        if json:
            as_json({"url": client.credentials.url, "logged_in": False})
        else:
            say("Logged out.")


def key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What it allows; all of the catalogue by default.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is valid.")] = 90,
    json: AsJson = False,
) -> None:
    """Make an API key, for CRATEDIG_API_KEY in scripts. Its secret is shown only now."""
    with Client() as client:
        made = client.make_key(name, frozenset(scope or SCOPES), days=days)
        if json:
            as_json(made)
        else:
            say(made.key or "")
            note(f"Valid until {made.expires:%Y-%m-%d}. It is not shown again.")


def invite(
    whom: Annotated[str, typer.Argument(help="For whom it is; only administrators see it.")] = "",
    days: Annotated[int, typer.Option(min=1, max=90, help="How long it is valid.")] = 7,
    json: AsJson = False,
) -> None:
    """Invite somebody to open an account, as an administrator. It is shown only now."""
    with Client() as client:
        made = client.make_invitation(whom, days=days)
        if json:
            as_json(made)
        else:
            say(made.invitation or "")
            note(f"Opens one account until {made.expires:%Y-%m-%d}: signup --invitation …")
