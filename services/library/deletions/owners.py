"""The end of an account: rows, objects and jobs of its owner go (S28)."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from contracts.ids import OwnerId
from contracts.objects import Bucket, owner_prefix
from kit.database.engine import Database, database_of
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow, UploadRow
from services.library.collections.tables import (
    CollectionItemRow,
    CollectionRow,
    CollectionShareRow,
)
from services.library.events.tables import EventRow
from services.library.idempotency import IdempotencyRow
from services.library.imports.tables import ImportFileRow, ImportRow
from services.library.jobs.locks import hold_owner
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.jobs.transitions import ATTEMPT_GARBAGE_AFTER, discard_all
from services.library.maps.tables import MapPartRow, MapRow
from services.library.pipelines.tables import PipelineRow, RunRow
from services.library.query_sounds.tables import QuerySoundRow
from services.library.recommendations.tables import (
    RecommendationDismissalRow,
    RecommendationListRow,
)
from services.library.saved_searches.tables import SavedSearchRevisionRow, SavedSearchRow
from services.library.search.documents import delete_documents
from services.library.search.tables import SearchDocumentRow, SearchRevisionRow
from services.library.similarity.sound_vectors import SoundVectors
from services.library.tags.tables import ItemTagRow
from services.library.teaching.tables import TagAnswerRow, TaughtTagRow
from services.library.usage import UsageRow
from services.library.webhooks.tables import WebhookDeliveryRow, WebhookRow

ROWS = 500
"""Rows that one transaction removes at most."""


async def mark_deleted(session: AsyncSession, owner: OwnerId) -> DeletionRow:
    """Write that everything of an owner is to go."""
    await hold_owner(session, owner)
    row = await session.get(DeletionRow, owner)
    if row is None:
        now = await database_of(session).time(session)
        row = DeletionRow(id=owner, owner=owner, created=now)
        session.add(row)
    return row


async def delete_piece(database: Database, vectors: SoundVectors, owner: OwnerId) -> bool:
    """Do a bounded part of an owner's deletion; return whether something is left.

    Workers of jobs that are gone are told so at their next heartbeat.
    """
    async with database.transaction() as session:
        await hold_owner(session, owner)
        for table, key, which in _left(owner):
            some = select(key).where(*which).limit(ROWS)
            statement = delete(table).where(*which, key.in_(some)).returning(key)
            statement = statement.execution_options(synchronize_session=False)
            if (await session.execute(statement)).first() is not None:
                return True
        if await delete_documents(session, col(SearchDocumentRow.owner) == owner, limit=ROWS):
            return True
        if await vectors.remove_owner(session, owner, limit=ROWS):
            return True
        prefix = owner_prefix(owner)
        # A worker that is not told yet, or a part that is on its way, may still be written.
        times = (timedelta(), ATTEMPT_GARBAGE_AFTER, timedelta(hours=23))
        await discard_all(session, [(bucket, prefix, at) for bucket in Bucket for at in times])
        await session.execute(delete(DeletionRow).where(col(DeletionRow.id) == owner))
    return False


def _left(owner: OwnerId) -> tuple[tuple[Any, Any, tuple[Any, ...]], ...]:
    """Return the tables, their keys, and which rows may go: nothing that others hang on."""
    cut = aliased(ItemRow)
    leaf = ~select(col(cut.id)).where(col(cut.parent) == col(ItemRow.id)).exists()
    objects = col(GarbageRow.prefix).startswith(owner_prefix(owner), autoescape=True)
    of_it = {
        table: col(table.owner) == owner
        for table in (
            *(JobRow, RunRow, ArtifactRow, ItemRow),
            *(UploadRow, PipelineRow, IdempotencyRow, EventRow, DeletionRow, UsageRow),
            *(SearchRevisionRow, SavedSearchRow, SavedSearchRevisionRow),
            *(ItemTagRow, CollectionRow, ImportRow, TaughtTagRow, MapRow),
            *(QuerySoundRow, WebhookRow),
        )
    }
    of_tags = select(col(TaughtTagRow.id)).where(of_it[TaughtTagRow])
    of_maps = select(col(MapRow.id)).where(of_it[MapRow])
    of_webhooks = select(col(WebhookRow.id)).where(of_it[WebhookRow])
    of_collections = select(col(CollectionRow.id)).where(of_it[CollectionRow])
    return (
        (JobRow, col(JobRow.id), (of_it[JobRow],)),
        (RunRow, col(RunRow.id), (of_it[RunRow],)),
        (
            CollectionItemRow,
            col(CollectionItemRow.item),
            (col(CollectionItemRow.collection).in_(of_collections),),
        ),
        (
            RecommendationListRow,
            col(RecommendationListRow.id),
            (col(RecommendationListRow.owner) == owner,),
        ),
        (
            RecommendationDismissalRow,
            col(RecommendationDismissalRow.item),
            (col(RecommendationDismissalRow.owner) == owner,),
        ),
        (MapPartRow, col(MapPartRow.map), (col(MapPartRow.map).in_(of_maps),)),
        (MapRow, col(MapRow.id), (of_it[MapRow],)),
        (CollectionRow, col(CollectionRow.id), (of_it[CollectionRow],)),
        # What others share with the account.
        (
            CollectionShareRow,
            col(CollectionShareRow.collection),
            (col(CollectionShareRow.account) == owner,),
        ),
        (ImportFileRow, col(ImportFileRow.position), (col(ImportFileRow.owner) == owner,)),
        (ImportRow, col(ImportRow.id), (of_it[ImportRow],)),
        (ItemTagRow, col(ItemTagRow.item), (of_it[ItemTagRow],)),
        (TagAnswerRow, col(TagAnswerRow.item), (col(TagAnswerRow.tag).in_(of_tags),)),
        (TaughtTagRow, col(TaughtTagRow.id), (of_it[TaughtTagRow],)),
        (ArtifactRow, col(ArtifactRow.id), (of_it[ArtifactRow],)),
        (ItemRow, col(ItemRow.id), (of_it[ItemRow], leaf)),
        (UploadRow, col(UploadRow.id), (of_it[UploadRow],)),
        (PipelineRow, col(PipelineRow.id), (of_it[PipelineRow],)),
        (IdempotencyRow, col(IdempotencyRow.key), (of_it[IdempotencyRow],)),
        # What tells of the account in names goes too; what is not sent yet would tell it now.
        (EventRow, col(EventRow.seq), (of_it[EventRow],)),
        (GarbageRow, col(GarbageRow.id), (objects,)),
        (
            WebhookDeliveryRow,
            col(WebhookDeliveryRow.id),
            (col(WebhookDeliveryRow.webhook).in_(of_webhooks),),
        ),
        (WebhookRow, col(WebhookRow.id), (of_it[WebhookRow],)),
        (UsageRow, col(UsageRow.owner), (of_it[UsageRow],)),
        (QuerySoundRow, col(QuerySoundRow.id), (of_it[QuerySoundRow],)),
        (SavedSearchRow, col(SavedSearchRow.id), (of_it[SavedSearchRow],)),
        (
            SavedSearchRevisionRow,
            col(SavedSearchRevisionRow.owner),
            (of_it[SavedSearchRevisionRow],),
        ),
        (SearchRevisionRow, col(SearchRevisionRow.owner), (of_it[SearchRevisionRow],)),
        (
            DeletionRow,
            col(DeletionRow.id),
            (of_it[DeletionRow], col(DeletionRow.item).is_not(None)),
        ),
    )
