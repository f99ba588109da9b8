"""What export jobs read: the latest files of items, and the names and rights of these items."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.collections import ShareRole
from contracts.corrections import SMALL_FIELDS, CorrectedLanes, CorrectionField
from contracts.export import ExportFacts, ExportItem, ExportProducer
from contracts.ids import ArtifactId, ItemId, JobId
from contracts.items import ArtifactKind, AudioFacts, ItemKind, ItemState
from contracts.jobs import InputRef, Producer
from contracts.music import Stem
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import Subject, SubjectKind
from contracts.tagging import SoundClass
from kit.http.errors import ProblemError
from services.library.access import Action, may
from services.library.catalogue.artifacts import split_name
from services.library.catalogue.repository import Repository
from services.library.catalogue.rights import lineages
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.collections.clearance import clearance_of
from services.library.collections.repository import Collections, OpenCollection
from services.library.collections.tables import CollectionItemRow, CollectionRow
from services.library.corrections.views import corrected_lanes
from services.library.jobs.tables import JobRow
from services.library.search.tables import SearchDocumentRow

MAX_FILES = 1000
"""Maximum number of files that an export reads."""


async def exported_items(
    repository: Repository, ref: str, *, field: str
) -> tuple[OpenCollection, list[ItemRow]]:
    """Return a collection of the caller and its items that are ready, in its order.

    Raises
    ------
    ProblemError
        There is no such collection, it belongs to another owner, or it holds too many items or
        none that is ready.
    """
    collections = Collections(repository.session, repository.principal)
    collection = await collections.get(ref, Action.RUN)
    query = (
        collections.items_of(collection.row.id)
        .order_by(col(CollectionItemRow.position), col(CollectionItemRow.item))
        .limit(MAX_FILES + 1)
    )
    members = [row[1] for row in (await repository.session.execute(query)).all()]
    if len(members) > MAX_FILES:
        raise too_many_files("This collection holds more items", field=field)
    items = [
        item
        for item in members
        if item.state == ItemState.READY
        and may(repository.principal, Action.READ, item, role=ShareRole.VIEWER)
    ]
    if not items:
        text = "This collection holds no item that is ready. Add items to it first."
        raise ProblemError(ProblemCode.WRONG_STATE, text)
    return collection, items


def too_many_files(what: str, *, field: str) -> ProblemError:
    """Return the error for a job that would read too many files."""
    text = f"{what} than a job can read, which is {MAX_FILES} files."
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text} Divide it into smaller collections and export each.",
        fields=(FieldProblem(field=field, message=f"at most {MAX_FILES} files"),),
    )


async def latest_files(
    session: AsyncSession, items: Sequence[str], kinds: Collection[ArtifactKind]
) -> list[ArtifactRow]:
    """Return the newest files of some kinds of items, in the order of the items.

    Of each kind and stem these are the files of the newest job that stored any. Stems all come from
    one job, because those of two networks do not add up to the song: the newest of the jobs with
    the most stems. Files of tags come from the newest job for each set of inputs, because a song
    and its samples are tagged by different jobs.
    """
    query = (
        select(ArtifactRow, col(JobRow.inputs_sha256))
        .outerjoin(JobRow, col(JobRow.id) == col(ArtifactRow.job))
        .where(col(ArtifactRow.item).in_(items), col(ArtifactRow.kind).in_(kinds))
        .order_by(col(ArtifactRow.created), col(ArtifactRow.id))
    )
    groups: dict[str, dict[tuple[str, str | None], dict[str | None, list[ArtifactRow]]]] = {}
    for row, inputs in (await session.execute(query)).all():
        if row.kind == ArtifactKind.STEM and row.stem == Stem.MIX:
            continue
        within = row.stem
        if row.kind == ArtifactKind.STEM:
            within = None
        elif row.kind == ArtifactKind.TAGS:
            within = inputs
        of_item = groups.setdefault(row.subject_id, defaultdict(dict))
        of_item[row.kind, within].setdefault(row.job, []).append(row)
    files: list[ArtifactRow] = []
    for item in items:
        chosen = [_newest(jobs.values()) for jobs in groups.get(item, {}).values()]
        files += sorted(
            (row for rows in chosen for row in rows),
            key=lambda row: (row.kind, row.stem or "", row.name, row.id),
        )
    return files


def _newest(jobs: Iterable[list[ArtifactRow]]) -> list[ArtifactRow]:
    """Return the files of the newest job; of stems, of the newest one with the most."""

    def order(rows: list[ArtifactRow]) -> tuple[int, datetime, str]:
        stems = len(rows) if rows[0].kind == ArtifactKind.STEM else 0
        return stems, max(row.created for row in rows), rows[-1].id

    return max(jobs, key=order)


async def describe_inputs(
    session: AsyncSession, subject: Subject, inputs: Sequence[InputRef]
) -> ExportFacts:
    """Return names, rights and producers of what a job reads, as they are now."""
    ids = [subject.item] if subject.item is not None else []
    ids += [ref.subject.item for ref in inputs if ref.subject.item is not None]
    items = list(dict.fromkeys(ids))
    rows = {
        row.id: row
        for row in await session.scalars(select(ItemRow).where(col(ItemRow.id).in_(items)))
    }
    documents = {
        row.item: row
        for row in (
            await session.execute(
                select(
                    col(SearchDocumentRow.item),
                    col(SearchDocumentRow.sound_class),
                    col(SearchDocumentRow.key),
                    col(SearchDocumentRow.pitch),
                ).where(col(SearchDocumentRow.item).in_(items))
            )
        ).all()
    }
    rights = await lineages(session, items)
    described = []
    for item in items:
        if (row := rows.get(item)) is None or item not in rights:
            continue
        document = documents.get(item)
        described.append(
            ExportItem(
                id=ItemId(row.id),
                kind=ItemKind(row.kind),
                name=split_name(row.name)[0],
                audio=AudioFacts.model_validate(row.audio) if row.audio else None,
                bpm=row.bpm,
                stem=Stem(row.stem) if row.stem else None,
                metadata=row.labels,
                tags=tuple(tag["name"] for tag in row.tags),
                sound_class=(
                    SoundClass(document.sound_class) if document and document.sound_class else None
                ),
                key=document.key if document else None,
                corrected=tuple(map(CorrectionField, sorted(row.corrected))),
                pitch=document.pitch if document else None,
                clearance=clearance_of(row, rights[item]),
            )
        )
    return ExportFacts(
        title=await _title(session, subject, rows),
        items=tuple(described),
        lanes=await _lanes(session, rows.get(subject.id)),
        producers=await _producers(session, inputs),
    )


async def _lanes(session: AsyncSession, item: ItemRow | None) -> CorrectedLanes:
    if item is None or all(field in SMALL_FIELDS for field in item.corrected):
        return CorrectedLanes()
    return await corrected_lanes(session, item.id)


async def _title(session: AsyncSession, subject: Subject, items: dict[str, ItemRow]) -> str:
    if subject.kind is SubjectKind.COLLECTION:
        query = select(col(CollectionRow.name)).where(col(CollectionRow.id) == subject.id)
        return (await session.execute(query)).scalar_one_or_none() or ""
    row = items.get(subject.id)
    return split_name(row.name)[0] if row is not None else ""


async def _producers(
    session: AsyncSession, inputs: Sequence[InputRef]
) -> tuple[ExportProducer, ...]:
    artifacts = [ref.artifact for ref in inputs if ref.artifact is not None]
    query = (
        select(col(ArtifactRow.id), col(JobRow.id), col(JobRow.task), col(JobRow.producer))
        .join(JobRow, col(JobRow.id) == col(ArtifactRow.job))
        .where(col(ArtifactRow.id).in_(artifacts))
        .order_by(col(JobRow.id), col(ArtifactRow.id))
    )
    jobs: dict[str, ExportProducer] = {}
    for artifact, job, task, stored in (await session.execute(query)).all():
        known = jobs.get(job)
        if known is None:
            producer = Producer.model_validate(stored) if stored else None
            known = ExportProducer(
                job=JobId(job),
                task=task,
                engine=producer.engine if producer else "",
                version=producer.version if producer else "",
                weights=producer.weights if producer else "",
                artifacts=(),
            )
        files = (*known.artifacts, ArtifactId(artifact))
        jobs[job] = known.model_copy(update={"artifacts": files})
    return tuple(jobs.values())
