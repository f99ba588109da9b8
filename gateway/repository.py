"""Reads and writes of the gateway's rows."""

from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from gateway.tables import AccountRow, ApiKeyRow, RefreshRow, SigningKeyRow, TicketRow


async def account_by_email(session: AsyncSession, email: str) -> AccountRow | None:
    """Return the account of an address that is already folded."""
    query = select(AccountRow).where(col(AccountRow.email) == email)
    return (await session.scalars(query)).one_or_none()


async def account(session: AsyncSession, account_id: str) -> AccountRow | None:
    """Return an account that is not being deleted."""
    query = select(AccountRow).where(
        col(AccountRow.id) == account_id, col(AccountRow.deleted).is_(False)
    )
    return (await session.scalars(query)).one_or_none()


async def any_account(session: AsyncSession) -> bool:
    """Return whether there is an account at all."""
    return bool((await session.execute(select(exists().where(col(AccountRow.id) != "")))).scalar())


async def deleted_accounts(session: AsyncSession) -> list[AccountRow]:
    """Return the accounts that the library has yet to forget."""
    query = select(AccountRow).where(col(AccountRow.deleted).is_(True))
    return list(await session.scalars(query))


async def refresh_token(session: AsyncSession, sha256: str) -> RefreshRow | None:
    """Return a refresh token, held until the transaction ends."""
    query = select(RefreshRow).where(col(RefreshRow.sha256) == sha256).with_for_update()
    return (await session.scalars(query)).one_or_none()


async def revoke_family(session: AsyncSession, family: str) -> None:
    """End a login."""
    await session.execute(
        update(RefreshRow).where(col(RefreshRow.family) == family).values(revoked=True)
    )


async def revoke_all(session: AsyncSession, account_id: str) -> None:
    """End every login of an account and every ticket it bought."""
    await session.execute(
        update(RefreshRow).where(col(RefreshRow.account) == account_id).values(revoked=True)
    )
    await session.execute(delete(TicketRow).where(col(TicketRow.account) == account_id))


async def family_lives(session: AsyncSession, family: str) -> bool:
    """Return whether a login was not ended."""
    query = select(
        exists().where(col(RefreshRow.family) == family, col(RefreshRow.revoked).is_(False))
    )
    return bool((await session.execute(query)).scalar())


async def key_lives(session: AsyncSession, key_id: str) -> bool:
    """Return whether an API key was not removed."""
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


async def delete_key(session: AsyncSession, account_id: str, key_id: str) -> bool:
    """Remove an account's API key; return whether it was there."""
    found = await session.execute(
        delete(ApiKeyRow)
        .where(col(ApiKeyRow.account) == account_id, col(ApiKeyRow.id) == key_id)
        .returning(col(ApiKeyRow.id))
    )
    return found.scalar_one_or_none() is not None


async def touch_key(session: AsyncSession, key_id: str, now: datetime) -> None:
    """Note that an API key was used."""
    await session.execute(
        update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id).values(last_used=now)
    )


async def signing_keys(session: AsyncSession) -> list[SigningKeyRow]:
    """Return every signing key, oldest first."""
    return list(
        await session.scalars(select(SigningKeyRow).order_by(col(SigningKeyRow.signs_from)))
    )


async def take_ticket(session: AsyncSession, sha256: str, now: datetime) -> TicketRow | None:
    """Use a ticket up, and return it unless it had ended or was used before."""
    found = await session.scalars(
        delete(TicketRow)
        .where(col(TicketRow.sha256) == sha256, col(TicketRow.expires) > now)
        .returning(TicketRow)
    )
    return found.one_or_none()


async def sweep(session: AsyncSession, now: datetime) -> None:
    """Remove what has ended long ago."""
    await session.execute(delete(TicketRow).where(col(TicketRow.expires) < now))
    old = now - timedelta(days=1)
    await session.execute(delete(RefreshRow).where(col(RefreshRow.expires) < old))
    await session.execute(delete(SigningKeyRow).where(col(SigningKeyRow.retires) < old))
