"""`signup`, `login`, `logout` and `account`."""

import time
from dataclasses import replace
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from cratedig import Client, credentials
from cratedig.cli.errors import LookupFailedError
from cratedig.cli.output import AsJson, format_size, print_json, print_line, print_note
from cratedig.errors import WaitTimeoutError

_SLOWER = 5
"""Seconds by which a provider's `slow_down` lengthens the interval (RFC 8628, section 3.5)."""
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


def login(
    email: Annotated[str | None, typer.Option(help="Your email address.")] = None,
    password: Annotated[
        str | None, typer.Option(envvar="CRATEDIG_PASSWORD", help="Asked for if it is left out.")
    ] = None,
    device: Annotated[
        bool, typer.Option("--device", help="Sign in through your organisation, in any browser.")
    ] = False,
    provider: Annotated[
        str | None, typer.Option(help="Name of the organisation, if the server has several.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="A one-time sign-in link (make sign-in), or its code.")
    ] = None,
    url: Url = None,
    json: AsJson = False,
) -> None:
    """Log in. The session is kept for later commands."""
    if device + (code is not None) + (email is not None) > 1:
        raise typer.BadParameter("give one of --email, --device and --code")
    if code is not None:
        # Commands that make links print words before them.
        code = (code.split() or [""])[-1]
        link = urlsplit(code)
        if secret := parse_qs(link.query).get("signin"):
            code, url = secret[0], url or f"{link.scheme}://{link.netloc}"
    with _anonymous(url) as client:
        if device or provider is not None:
            _log_in_with_device(client, provider)
        elif code is not None:
            client.sessions.create_with_code(code)
        else:
            email = email or typer.prompt("Email", err=json)
            client.sessions.create(
                email, password or typer.prompt("Password", hide_input=True, err=json)
            )
        shown = client.account.get()
        if json:
            print_json(shown)
        else:
            print_line(f"Logged in at {client.credentials.url} as {shown.email}.")


def _log_in_with_device(client: Client, name: str | None) -> None:
    """Show a device code, and wait until the user has signed in with it."""
    providers = client.sessions.options().providers
    fitting = [each for each in providers if name is None or name in (each.id, each.name)]
    if len(fitting) != 1:
        names = ", ".join(each.id for each in providers)
        raise LookupFailedError(
            f"Name one of the organisations with --provider: {names}."
            if names
            else "This server has no organisations to sign in with. Log in with --email."
        )
    (provider,) = fitting
    started = client.sessions.start_device(provider.id)
    print_note(f"Open {started.verification_uri} and enter the code {started.user_code}")
    if started.verification_uri_complete:
        print_note(f"or open {started.verification_uri_complete}")
    interval, deadline = started.interval, time.monotonic() + started.expires_in
    while time.monotonic() < deadline:
        time.sleep(interval)
        session = client.sessions.create_with_device(provider.id, started.device_code)
        if session.tokens is not None:
            return
        if session.status == "slow_down":
            interval += _SLOWER
    raise WaitTimeoutError("The code has expired. Run `cratedig login --device` again.")


def logout(json: AsJson = False) -> None:
    """Log out: end every session of the account."""
    with Client() as client:
        ended = client.sessions.log_out()
        if json:
            print_json(
                {"url": client.credentials.url, "logged_in": False, "provider_url": ended.url}
            )
            return
        print_line("Logged out.")
        if ended.url:
            print_note(f"To log out of your organisation as well, open {ended.url}")


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
