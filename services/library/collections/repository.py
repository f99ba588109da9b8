"""Collections as one principal may use them: own ones, and those that others share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.collections import CollectionKind, CollectionRole, ShareRole
from contracts.identity import Principal
from contracts.ids import CollectionId, OwnerId
from kit.database.engine import database_of
from kit.database.plans import unindexed
from kit.http.errors import not_found
from services.library.access import Action, may
from services.library.catalogue.repository import Repository, being_deleted
from services.library.catalogue.tables import ItemRow
from services.library.collections.builtin import NAMES, builtin_id, builtin_kind, resolve
from services.library.collections.tables import (
    CollectionItemRow,
    CollectionRow,
    CollectionShareRow,
)
from services.library.jobs.locks import hold_owner
from services.library.repository import OwnerRepository


@dataclass(frozen=True, slots=True)
class OpenCollection:
    """A collection that a caller may use, and as whom."""

    row: CollectionRow
    caller: OwnerId
    share: ShareRole | None = None
    """The caller's role if the collection belongs to another owner."""
    stored: bool = True
    """Whether the collection has a row; a built-in one that was never changed has none."""

    @property
    def kind(self) -> CollectionKind:
        """The kind of the collection."""
        return CollectionKind(self.row.kind)

    @property
    def role(self) -> CollectionRole:
        """The caller's role."""
        return CollectionRole(self.share) if self.share else CollectionRole.OWNER


@dataclass(slots=True)
class _Owner:
    """An item whose row is not read."""

    owner: str


class Collections(OwnerRepository):
    """The collections that one principal may use, within one session."""

    def __init__(self, session: AsyncSession, principal: Principal) -> None:
        super().__init__(session, principal)
        self.catalogue = Repository(session, principal)

    async def get(self, ref: str, action: Action, *, hold: bool = False) -> OpenCollection:
        """Return a collection for an action.

        Parameters
        ----------
        hold
            Take the owner's lock, which every change of a collection holds, and give a built-in
            collection its row. An editor's own lock is taken too, so that no item that the editor
            adds is deleted meanwhile.

        Raises
        ------
        ProblemError
            Of code `not_found`: it does not exist, or the caller may not do this.
        """
        id_ = resolve(self.owner, ref)
        collection = await self._find(id_, action)
        if not hold:
            return collection
        for owner in sorted({collection.row.owner, self.owner}):
            await hold_owner(self.session, owner)
        collection = await self._find(id_, action)
        if not collection.stored:
            now = await database_of(self.session).time(self.session)
            collection.row.created = collection.row.updated = now
            self.session.add(collection.row)
            await self.session.flush()
            collection = OpenCollection(collection.row, self.owner)
        return collection

    async def item(self, ref: str, item: str) -> ItemRow:
        """Return an item of a collection for reading. Raises `ProblemError` (`not_found`)."""
        collection = await self.get(ref, Action.READ)
        query = self.items_of(collection.row.id).where(col(CollectionItemRow.item) == item)
        row = (await self.session.execute(query)).first()
        if row is None or not may(
            self.principal, Action.READ, row[1], role=collection.share or ShareRole.VIEWER
        ):
            raise not_found()
        member: ItemRow = row[1]
        return member

    def items_of(self, collection: CollectionId | str) -> Select[CollectionItemRow, ItemRow]:
        """Return the query of what a collection holds, without items that are being deleted."""
        return (
            select(CollectionItemRow, ItemRow)
            .join(ItemRow, col(ItemRow.id) == col(CollectionItemRow.item))
            .where(
                col(CollectionItemRow.collection) == collection,
                col(CollectionItemRow.item).not_in(being_deleted()),
            )
        )

    def shared(self) -> Select[CollectionRow, CollectionShareRow]:
        """Return the query of collections that other owners share with the principal."""
        return select(CollectionRow, CollectionShareRow).join(CollectionShareRow, self._is_shared())

    async def readable(self, items: Sequence[str]) -> list[str]:
        """Return those of some items that the principal may read.

        These are own ones, and those in collections of the principal or shared with it.
        """
        own = select(col(ItemRow.id), col(ItemRow.owner), literal(ShareRole.VIEWER.value)).where(
            col(ItemRow.id).in_(items),
            unindexed(col(ItemRow.owner)) == self.owner,
            col(ItemRow.id).not_in(being_deleted(self.owner)),
        )
        rows = [*(await self.session.execute(own)).all()]
        others = set(items) - {id_ for id_, *_ in rows}
        if others:
            role = func.coalesce(col(CollectionShareRow.role), ShareRole.VIEWER.value)
            through = (
                select(col(ItemRow.id), col(ItemRow.owner), role)
                .join(CollectionItemRow, col(CollectionItemRow.item) == col(ItemRow.id))
                .join(CollectionRow, col(CollectionRow.id) == col(CollectionItemRow.collection))
                .outerjoin(CollectionShareRow, self._is_shared())
                .where(
                    col(ItemRow.id).in_(others),
                    or_(
                        col(CollectionRow.owner) == self.owner,
                        col(CollectionShareRow.role).is_not(None),
                    ),
                    col(ItemRow.id).not_in(being_deleted()),
                )
                .distinct()
            )
            rows += (await self.session.execute(through)).all()
        return [
            id_
            for id_, owner, role in rows
            if may(self.principal, Action.READ, _Owner(owner), role=ShareRole(role))
        ]

    async def _find(self, id_: CollectionId, action: Action) -> OpenCollection:
        query = (
            select(CollectionRow, col(CollectionShareRow.role))
            .outerjoin(CollectionShareRow, self._is_shared())
            .where(col(CollectionRow.id) == id_)
            .execution_options(populate_existing=True)
        )
        shared = (await self.session.execute(query)).first()
        if shared is not None:
            row, role = shared
            share = ShareRole(role) if role and row.owner != self.owner else None
            collection = OpenCollection(row, self.owner, share)
        elif kind := builtin_kind(self.owner, id_):
            now = await database_of(self.session).time(self.session)
            collection = OpenCollection(self._builtin(kind, now), self.owner, stored=False)
        else:
            raise not_found()
        if not may(self.principal, action, collection.row, role=collection.share):
            raise not_found()
        return collection

    def _builtin(self, kind: CollectionKind, now: datetime) -> CollectionRow:
        return CollectionRow(
            id=builtin_id(self.owner, kind),
            owner=self.owner,
            kind=kind.value,
            name=NAMES[kind],
            created=now,
            updated=now,
        )

    def _is_shared(self) -> ColumnElement[bool]:
        expires = col(CollectionShareRow.expires)
        now = database_of(self.session).now()
        return and_(
            col(CollectionShareRow.collection) == col(CollectionRow.id),
            col(CollectionShareRow.account) == self.principal.user,
            or_(expires.is_(None), expires > now),
        )
