"""`keys` and `invitations`: what lets programs and people in."""

from collections.abc import Callable
from typing import Annotated, cast, get_args

import typer

from cratedig import Client, types
from cratedig.cli.output import AsJson, print_json, print_line, print_note, print_table

SCOPES = get_args(types.KeyScope)

keys = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")
invitations = typer.Typer(
    no_args_is_help=True, help="Create, list and revoke invitations, as an administrator."
)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"What it allows: {', '.join(SCOPES)}; all of them by default."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is valid.")] = 90,
    json: AsJson = False,
) -> None:
    """Create an API key, for CRATEDIG_API_KEY in scripts. Only this shows its secret."""
    scopes = cast(list[types.KeyScope], scope or SCOPES)
    with Client() as client:
        key = client.keys.create(name, scopes, days=days)
        if json:
            print_json(key)
        else:
            print_line(key.key or "")
            print_note(f"Valid until {key.expires:%Y-%m-%d}. Store it now: it is not shown again.")


@keys.command("list")
def list_keys(json: AsJson = False) -> None:
    """List API keys."""
    with Client() as client:
        listed = list(client.keys.list())
        if json:
            print_json(listed)
        elif listed:
            rows = [
                (
                    key.id,
                    key.name,
                    " ".join(sorted(key.scopes)),
                    f"until {key.expires:%Y-%m-%d}",
                    f"used {key.last_used:%Y-%m-%d}" if key.last_used else "never used",
                )
                for key in listed
            ]
            print_table(("ID", "NAME", "SCOPES", "VALID", "USED"), rows)
        else:
            print_note("No API keys. Create one: cratedig keys create NAME")


@keys.command("revoke")
def revoke_keys(
    ids: Annotated[list[str], typer.Argument(help="Ids of API keys.")], json: AsJson = False
) -> None:
    """Revoke API keys; programs that use them are refused from now on."""
    with Client() as client:
        _revoke_each(client.keys.revoke, ids, json=json)


@invitations.command("create")
def create_invitation(
    whom: Annotated[str, typer.Argument(help="For whom it is; only administrators see it.")] = "",
    days: Annotated[int, typer.Option(min=1, max=90, help="How long it is valid.")] = 7,
    json: AsJson = False,
) -> None:
    """Create an invitation that opens one account. Only this shows its code."""
    with Client() as client:
        invitation = client.invitations.create(whom, days=days)
        if json:
            print_json(invitation)
        else:
            print_line(invitation.invitation or "")
            print_note(
                f"Opens one account until {invitation.expires:%Y-%m-%d}: "
                "cratedig signup --invitation CODE"
            )


@invitations.command("list")
def list_invitations(json: AsJson = False) -> None:
    """List invitations, used and unused."""
    with Client() as client:
        listed = list(client.invitations.list())
        if json:
            print_json(listed)
        elif listed:
            rows = [
                (
                    invitation.id,
                    f"used {invitation.used:%Y-%m-%d}" if invitation.used else "unused",
                    f"until {invitation.expires:%Y-%m-%d}",
                    invitation.note,
                )
                for invitation in listed
            ]
            print_table(("ID", "STATE", "VALID", "FOR"), rows)
        else:
            print_note("No invitations. Create one: cratedig invitations create")


@invitations.command("revoke")
def revoke_invitations(
    ids: Annotated[list[str], typer.Argument(help="Ids of invitations.")], json: AsJson = False
) -> None:
    """Revoke invitations; accounts that were opened with them stay."""
    with Client() as client:
        _revoke_each(client.invitations.revoke, ids, json=json)


def _revoke_each(revoke: Callable[[str], None], ids: list[str], *, json: bool) -> None:
    for id_ in ids:
        revoke(id_)
        if not json:
            print_line(f"{id_}  revoked")
    if json:
        print_json([{"id": id_, "revoked": True} for id_ in ids])
