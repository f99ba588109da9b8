"""Sharing collections: with accounts by role, and by links that make accounts viewers."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlmodel import col

from contracts.collections import (
    CollectionLink,
    CollectionLinkCreate,
    CollectionShare,
    LinkAccess,
    NewCollectionLink,
    ShareRole,
)
from contracts.ids import LinkId, UserId
from contracts.problems import ProblemCode
from kit.clock import new_id
from kit.database.actors import SERVICE, acting_as
from kit.database.engine import database_of
from kit.http.errors import ProblemError, not_found
from kit.http.pagination import Cursor, PageQuery, encode_cursor
from services.library.access import Action
from services.library.collections.builtin import NAMES
from services.library.collections.repository import Collections, OpenCollection
from services.library.collections.tables import (
    CollectionLinkRow,
    CollectionShareRow,
)
from services.library.jobs.locks import hold_owner

MAX_SHARES = 200
"""Accounts that one collection is shared with, and links that it has, at most."""
_PREFIX = "link_"
"""The beginning of every secret: it says what the secret is, and is never taken for an option."""
_SECRET_BYTES = 32


async def list_shares(collections: Collections, ref: str) -> list[CollectionShare]:
    """Return the accounts that a collection is shared with. Raises `ProblemError`."""
    collection = await collections.get(ref, Action.WRITE)
    now = await database_of(collections.session).time(collections.session)
    query = (
        select(CollectionShareRow)
        .where(col(CollectionShareRow.collection) == collection.row.id)
        .order_by(col(CollectionShareRow.created), col(CollectionShareRow.account))
    )
    rows = await collections.session.scalars(query)
    return [_share_to_api(row) for row in rows if row.expires is None or row.expires > now]


async def put_share(
    collections: Collections, ref: str, account: UserId, role: ShareRole
) -> CollectionShare:
    """Share a collection with an account, or change the account's role.

    Whether the account exists is not checked: that would reveal it (S6).

    Raises
    ------
    ProblemError
    """
    collection = await _sharable(collections, ref)
    session = collections.session
    if account == collections.principal.user:
        raise ProblemError(ProblemCode.CONFLICT, "This collection is yours already.")
    row = await session.get(CollectionShareRow, (collection.row.id, account))
    if row is None:
        await _refuse_too_many(collections, CollectionShareRow, collection)
        row = CollectionShareRow(
            collection=collection.row.id,
            account=account,
            role=role.value,
            created=await database_of(session).time(session),
        )
        session.add(row)
    row.role, row.link, row.expires = role.value, None, None
    await session.flush()
    return _share_to_api(row)


async def delete_share(collections: Collections, ref: str, account: UserId) -> None:
    """End the share of an account: by the collection's owner, or by the account itself.

    Raises
    ------
    ProblemError
    """
    leaving = account == collections.principal.user
    collection = await collections.get(ref, Action.READ if leaving else Action.WRITE, hold=True)
    statement = delete(CollectionShareRow).where(
        col(CollectionShareRow.collection) == collection.row.id,
        col(CollectionShareRow.account) == account,
    )
    await collections.session.execute(statement)


async def list_links(collections: Collections, ref: str) -> list[CollectionLink]:
    """Return the links of a collection that have not expired. Raises `ProblemError`."""
    collection = await collections.get(ref, Action.WRITE)
    now = await database_of(collections.session).time(collections.session)
    query = (
        select(CollectionLinkRow)
        .where(
            col(CollectionLinkRow.collection) == collection.row.id,
            col(CollectionLinkRow.expires) > now,
        )
        .order_by(col(CollectionLinkRow.created).desc(), col(CollectionLinkRow.id).desc())
    )
    return [
        CollectionLink(
            id=LinkId(row.id),
            access=LinkAccess(row.access),
            created=row.created,
            expires=row.expires,
        )
        for row in await collections.session.scalars(query)
    ]


async def create_link(
    collections: Collections, ref: str, request: CollectionLinkCreate
) -> NewCollectionLink:
    """Create a link to a collection; only the hash of its secret is stored.

    Raises
    ------
    ProblemError
    """
    collection = await _sharable(collections, ref)
    session = collections.session
    now = await database_of(session).time(session)
    expired = delete(CollectionLinkRow).where(
        col(CollectionLinkRow.collection) == collection.row.id,
        col(CollectionLinkRow.expires) <= now,
    )
    await session.execute(expired.execution_options(synchronize_session=False))
    await _refuse_too_many(collections, CollectionLinkRow, collection)
    secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = CollectionLinkRow(
        id=new_id(),
        collection=collection.row.id,
        owner=collection.row.owner,
        secret_sha256=digest(secret),
        access=request.access.value,
        created=now,
        expires=now + timedelta(days=request.days),
    )
    session.add(row)
    await session.flush()
    return NewCollectionLink(
        id=LinkId(row.id),
        access=request.access,
        created=row.created,
        expires=row.expires,
        secret=secret,
    )


async def delete_link(collections: Collections, ref: str, link: LinkId) -> None:
    """Revoke a link, and with it the access of everybody who opened it.

    Raises
    ------
    ProblemError
    """
    collection = await collections.get(ref, Action.WRITE, hold=True)
    statement = (
        delete(CollectionLinkRow)
        .where(
            col(CollectionLinkRow.id) == link,
            col(CollectionLinkRow.collection) == collection.row.id,
        )
        .returning(col(CollectionLinkRow.id))
        .execution_options(synchronize_session=False)
    )
    if (await collections.session.execute(statement)).first() is None:
        raise not_found()


async def open_link(collections: Collections, secret: str) -> OpenCollection:
    """Make the caller a viewer of the collection of a link, until the link ends.

    An account that the collection is shared with keeps its role.

    Raises
    ------
    ProblemError
        The link does not exist, was revoked, has expired, or is read without an account.
    """
    with acting_as(SERVICE):  # Whoever has the secret may, which no policy knows.
        return await _open_link(collections, secret)


async def _open_link(collections: Collections, secret: str) -> OpenCollection:
    session, account = collections.session, collections.principal.user
    matching = select(CollectionLinkRow).where(
        col(CollectionLinkRow.secret_sha256) == digest(secret),
        col(CollectionLinkRow.access) == LinkAccess.ACCOUNT,
    )
    link = (await session.scalars(matching)).one_or_none()
    if link is None:
        raise not_found()
    await hold_owner(session, link.owner)
    now = await database_of(session).time(session)
    matching = matching.execution_options(populate_existing=True)
    link = (await session.scalars(matching)).one_or_none()
    if link is None or link.expires <= now:
        raise not_found()
    share = await session.get(CollectionShareRow, (link.collection, account))
    own = link.owner == collections.owner
    if not own and (share is None or (share.expires is not None and share.expires < link.expires)):
        if share is None:
            share = CollectionShareRow(
                collection=link.collection,
                account=account,
                role=ShareRole.VIEWER.value,
                created=now,
            )
            session.add(share)
        share.link, share.expires = link.id, link.expires
        await session.flush()
    return await collections.get(link.collection, Action.READ)


async def list_shared(
    collections: Collections, request: PageQuery
) -> tuple[list[OpenCollection], str | None]:
    """Return a page of what others share with the caller, last shared first, and the next cursor.

    Raises
    ------
    ProblemError
    """
    created, id_ = col(CollectionShareRow.created), col(CollectionShareRow.collection)
    query = collections.shared().order_by(created.desc(), id_.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(tuple_(created, id_) < (request.after.created, request.after.id))
    rows = (await collections.session.execute(query)).all()
    listed = [
        OpenCollection(row, collections.owner, ShareRole(share.role))
        for row, share in rows[: request.limit]
    ]
    if len(rows) <= request.limit:
        return listed, None
    last = rows[request.limit - 1][1]
    return listed, encode_cursor(Cursor(created=last.created, id=last.collection))


async def _sharable(collections: Collections, ref: str) -> OpenCollection:
    collection = await collections.get(ref, Action.WRITE, hold=True)
    if collection.kind in NAMES:
        raise ProblemError(
            ProblemCode.CONFLICT,
            "A built-in collection cannot be shared. Add its items to one of yours and share that.",
        )
    return collection


async def _refuse_too_many(
    collections: Collections,
    table: type[CollectionShareRow] | type[CollectionLinkRow],
    collection: OpenCollection,
) -> None:
    count = select(func.count()).where(col(table.collection) == collection.row.id)
    if (await collections.session.execute(count)).scalar_one() >= MAX_SHARES:
        raise ProblemError(
            ProblemCode.CONFLICT,
            f"A collection is shared with at most {MAX_SHARES} accounts, and has as many links at "
            "most. Delete one first.",
        )


def _share_to_api(row: CollectionShareRow) -> CollectionShare:
    return CollectionShare(
        account=UserId(row.account),
        role=ShareRole(row.role),
        link=LinkId(row.link) if row.link else None,
        created=row.created,
        expires=row.expires,
    )


def digest(secret: str) -> str:
    """Return the SHA-256 of a link's secret, which is stored in its place."""
    return hashlib.sha256(secret.encode()).hexdigest()
