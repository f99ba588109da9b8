"""Database queries of the gateway."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from gateway.tables import (
    AccountRow,
    ApiKeyRow,
    AuthorizationRow,
    IdentityRow,
    InvitationRow,
    RefreshRow,
    SessionRow,
    SignInCodeRow,
    SigningKeyRow,
    TicketRow,
)


async def account_by_email(session: AsyncSession, email: str) -> AccountRow | None:
    """Return the account of a case-folded e-mail address."""
    query = select(AccountRow).where(col(AccountRow.email) == email)
    return (await session.scalars(query)).one_or_none()


async def account(session: AsyncSession, account_id: str) -> AccountRow | None:
    """Return an account that is not being deleted."""
    return (await session.scalars(_account(account_id))).one_or_none()


async def lock_account(session: AsyncSession, account_id: str) -> AccountRow | None:
    """Lock and return an account that is not being deleted.

    Every transaction that starts a session, creates a key or revokes either locks the account, so
    that none of these overlap. The order is account, session, tokens. Inserts of rows with a
    foreign key to the account (`FOR KEY SHARE`) do not wait for this lock.
    """
    query = _account(account_id).with_for_update(key_share=True)
    return (await session.scalars(query)).one_or_none()


def _account(account_id: str) -> Select[AccountRow]:
    return select(AccountRow).where(
        col(AccountRow.id) == account_id, col(AccountRow.deleted).is_(False)
    )


async def accounts(
    session: AsyncSession, *, limit: int, after: tuple[datetime, str] | None
) -> list[AccountRow]:
    """Return accounts that are not being deleted, newest first."""
    created, id_ = col(AccountRow.created), col(AccountRow.id)
    query = (
        select(AccountRow)
        .where(col(AccountRow.deleted).is_(False))
        .order_by(created.desc(), id_.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(or_(created < after[0], and_(created == after[0], id_ < after[1])))
    return list(await session.scalars(query))


async def any_account(session: AsyncSession) -> bool:
    """Return whether the server has any account."""
    return bool((await session.execute(select(exists().where(col(AccountRow.id) != "")))).scalar())


async def deleted_accounts(session: AsyncSession) -> list[AccountRow]:
    """Return deleted accounts whose data the library has not deleted yet."""
    query = select(AccountRow).where(col(AccountRow.deleted).is_(True))
    return list(await session.scalars(query))


async def session_of_refresh(session: AsyncSession, sha256: str) -> SessionRow | None:
    """Return the session that a refresh token belongs to."""
    query = (
        select(SessionRow)
        .join(RefreshRow, col(RefreshRow.session) == col(SessionRow.id))
        .where(col(RefreshRow.sha256) == sha256)
    )
    return (await session.scalars(query)).one_or_none()


async def lock_session(session: AsyncSession, session_id: str) -> SessionRow | None:
    """Lock and return a session."""
    query = select(SessionRow).where(col(SessionRow.id) == session_id).with_for_update()
    return (await session.scalars(query)).one_or_none()


async def refresh_token(session: AsyncSession, sha256: str) -> RefreshRow | None:
    """Return a refresh token; the caller has locked its session."""
    query = select(RefreshRow).where(col(RefreshRow.sha256) == sha256)
    return (await session.scalars(query)).one_or_none()


async def end_sessions(session: AsyncSession, account_id: str, now: datetime) -> None:
    """Revoke every session, ticket and sign-in code of an account, which the caller has locked."""
    await session.execute(
        update(SessionRow)
        .where(col(SessionRow.account) == account_id, col(SessionRow.revoked_at).is_(None))
        .values(revoked_at=now, id_token=None)
    )
    for table in (TicketRow, SignInCodeRow):
        await session.execute(delete(table).where(col(table.account) == account_id))


async def session_is_active(session: AsyncSession, session_id: str) -> bool:
    """Return whether a session exists and was not revoked."""
    query = select(
        exists().where(col(SessionRow.id) == session_id, col(SessionRow.revoked_at).is_(None))
    )
    return bool((await session.execute(query)).scalar())


async def key_exists(session: AsyncSession, key_id: str) -> bool:
    """Return whether an API key exists."""
    query = select(exists().where(col(ApiKeyRow.id) == key_id))
    return bool((await session.execute(query)).scalar())


async def api_key(session: AsyncSession, sha256: str) -> ApiKeyRow | None:
    """Return the API key of a digest."""
    query = select(ApiKeyRow).where(col(ApiKeyRow.sha256) == sha256)
    return (await session.scalars(query)).one_or_none()


async def api_keys(session: AsyncSession, account_id: str) -> list[ApiKeyRow]:
    """Return an account's API keys, newest first."""
    query = (
        select(ApiKeyRow)
        .where(col(ApiKeyRow.account) == account_id)
        .order_by(col(ApiKeyRow.created).desc(), col(ApiKeyRow.id).desc())
    )
    return list(await session.scalars(query))


async def count_keys(session: AsyncSession, account_id: str) -> int:
    """Return how many API keys an account has."""
    query = select(func.count()).where(col(ApiKeyRow.account) == account_id)
    return (await session.execute(query)).scalar_one()


async def count_keys_of(session: AsyncSession, accounts: Sequence[str]) -> dict[str, int]:
    """Return how many API keys accounts have; one without keys is left out."""
    query = (
        select(col(ApiKeyRow.account), func.count())
        .where(col(ApiKeyRow.account).in_(accounts))
        .group_by(col(ApiKeyRow.account))
    )
    return dict((await session.execute(query)).all())


async def delete_key(session: AsyncSession, account_id: str, key_id: str) -> bool:
    """Delete an account's API key; return whether it existed."""
    deleted = await session.execute(
        delete(ApiKeyRow)
        .where(col(ApiKeyRow.account) == account_id, col(ApiKeyRow.id) == key_id)
        .returning(col(ApiKeyRow.id))
    )
    return deleted.scalar_one_or_none() is not None


async def delete_keys(session: AsyncSession, account_id: str) -> None:
    """Delete every API key of an account."""
    await session.execute(delete(ApiKeyRow).where(col(ApiKeyRow.account) == account_id))


async def touch_key(session: AsyncSession, key_id: str, now: datetime) -> None:
    """Record the last use of an API key."""
    await session.execute(
        update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id).values(last_used=now)
    )


async def signing_keys(session: AsyncSession) -> list[SigningKeyRow]:
    """Return every signing key, oldest first."""
    return list(
        await session.scalars(select(SigningKeyRow).order_by(col(SigningKeyRow.signs_from)))
    )


async def ticket_is_valid(session: AsyncSession, sha256: str, now: datetime) -> bool:
    """Return whether a ticket exists and has not expired."""
    query = select(exists().where(col(TicketRow.sha256) == sha256, col(TicketRow.expires) > now))
    return bool((await session.execute(query)).scalar())


async def take_ticket(session: AsyncSession, sha256: str, now: datetime) -> TicketRow | None:
    """Delete a ticket and return it; return `None` if it was used or has expired."""
    taken = await session.scalars(
        delete(TicketRow)
        .where(col(TicketRow.sha256) == sha256, col(TicketRow.expires) > now)
        .returning(TicketRow)
    )
    return taken.one_or_none()


async def account_of_code(session: AsyncSession, sha256: str, now: datetime) -> str | None:
    """Return the id of the account that a sign-in code is for, if the code has not expired."""
    query = select(col(SignInCodeRow.account)).where(
        col(SignInCodeRow.sha256) == sha256, col(SignInCodeRow.expires) > now
    )
    return (await session.scalars(query)).one_or_none()


async def take_code(session: AsyncSession, sha256: str, now: datetime) -> bool | None:
    """Delete a sign-in code; return whether its use clears the password, `None` if it is invalid.

    The caller has locked its account.
    """
    taken = await session.execute(
        delete(SignInCodeRow)
        .where(col(SignInCodeRow.sha256) == sha256, col(SignInCodeRow.expires) > now)
        .returning(col(SignInCodeRow.reset))
    )
    return taken.scalar_one_or_none()


async def delete_codes(session: AsyncSession, account_id: str) -> None:
    """Delete the sign-in codes of an account, which the caller has locked."""
    await session.execute(delete(SignInCodeRow).where(col(SignInCodeRow.account) == account_id))


async def invitations(session: AsyncSession) -> list[InvitationRow]:
    """Return every invitation, newest first."""
    order = (col(InvitationRow.created).desc(), col(InvitationRow.id).desc())
    return list(await session.scalars(select(InvitationRow).order_by(*order)))


async def count_open_invitations(session: AsyncSession, now: datetime) -> int:
    """Return the number of unused, unexpired invitations."""
    query = select(func.count()).where(
        col(InvitationRow.used).is_(None), col(InvitationRow.expires) > now
    )
    return (await session.execute(query)).scalar_one()


async def use_invitation(session: AsyncSession, sha256: str, now: datetime) -> bool:
    """Mark an invitation as used; return whether it was valid."""
    used = await session.execute(
        update(InvitationRow)
        .where(
            col(InvitationRow.sha256) == sha256,
            col(InvitationRow.used).is_(None),
            col(InvitationRow.expires) > now,
        )
        .values(used=now)
        .returning(col(InvitationRow.id))
    )
    return used.scalar_one_or_none() is not None


async def delete_invitation(session: AsyncSession, invitation_id: str) -> bool:
    """Delete an invitation; return whether it existed."""
    deleted = await session.execute(
        delete(InvitationRow)
        .where(col(InvitationRow.id) == invitation_id)
        .returning(col(InvitationRow.id))
    )
    return deleted.scalar_one_or_none() is not None


async def identity(session: AsyncSession, issuer: str, subject: str) -> IdentityRow | None:
    """Return an identity at an OpenID Connect provider."""
    return await session.get(IdentityRow, (issuer, subject))


async def issuer_of(session: AsyncSession, account_id: str, issuers: Sequence[str]) -> str | None:
    """Return the one of some providers that an account signs in with; `None` if it is none."""
    query = (
        select(col(IdentityRow.issuer))
        .where(col(IdentityRow.account) == account_id, col(IdentityRow.issuer).in_(issuers))
        .order_by(col(IdentityRow.created))
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def delete_identities(session: AsyncSession, account_id: str) -> None:
    """Delete the identities of an account, which the caller has locked."""
    await session.execute(delete(IdentityRow).where(col(IdentityRow.account) == account_id))


async def take_authorization(
    session: AsyncSession, sha256: str, *, provider: str, browser: str, now: datetime
) -> AuthorizationRow | None:
    """Delete an authorization request of a browser and return it; `None` if it is invalid."""
    taken = await session.scalars(
        delete(AuthorizationRow)
        .where(
            col(AuthorizationRow.sha256) == sha256,
            col(AuthorizationRow.provider) == provider,
            col(AuthorizationRow.browser) == browser,
            col(AuthorizationRow.expires) > now,
        )
        .returning(AuthorizationRow)
    )
    return taken.one_or_none()


async def session_row(session: AsyncSession, session_id: str) -> SessionRow | None:
    """Return a session that was not revoked."""
    query = select(SessionRow).where(
        col(SessionRow.id) == session_id, col(SessionRow.revoked_at).is_(None)
    )
    return (await session.scalars(query)).one_or_none()


async def sweep(session: AsyncSession, now: datetime) -> None:
    """Delete expired tickets, sign-in codes, sessions, invitations, keys and authorizations."""
    for table in (TicketRow, SignInCodeRow, AuthorizationRow):
        await session.execute(delete(table).where(col(table.expires) < now))
    old = now - timedelta(days=1)
    await session.execute(delete(SessionRow).where(col(SessionRow.expires) < old))
    await session.execute(delete(InvitationRow).where(col(InvitationRow.expires) < old))
    await session.execute(delete(SigningKeyRow).where(col(SigningKeyRow.retires) < old))
