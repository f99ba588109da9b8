"""The samples that were made from cuts: found, hidden with their cuts, and restored."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.corrections import CUTS_OF, CorrectionField
from contracts.cuts import Cut
from contracts.ids import ItemId
from contracts.items import ArtifactKind, ItemKind
from services.library.catalogue.hiding import hide_items, show_items
from services.library.catalogue.repository import being_deleted
from services.library.catalogue.tables import ArtifactRow, DeletionRow, ItemRow
from services.library.collections.tables import CollectionItemRow
from services.library.corrections.machine import lane_file
from services.library.corrections.tables import CorrectionRow
from services.library.corrections.values import read_cuts
from services.library.corrections.views import LaneThreads

_THREADS = LaneThreads()


@dataclass(frozen=True, slots=True)
class CutSample:
    """A sample that was cut from a recording."""

    item: ItemId
    start: int
    end: int
    stem: str | None
    hidden: bool
    marked: bool
    """Whether its user marked it: a favourite, rated, tagged, or in a collection."""


async def samples_of(session: AsyncSession, item: ItemRow) -> dict[ItemId, CutSample]:
    """Return all samples that were cut from an item and its stems, hidden ones too."""
    row = ItemRow
    collected = select(col(CollectionItemRow.item)).where(
        col(CollectionItemRow.item) == col(row.id)
    )
    query = (
        select(
            col(row.id),
            col(row.start),
            col(row.end),
            col(row.stem),
            col(row.favourite),
            col(row.rating),
            col(row.tags),
            collected.exists(),
            col(row.id).in_(being_deleted(item.owner)),
        )
        .where(
            col(row.parent) == item.id,
            col(row.kind) == ItemKind.SAMPLE,
            col(row.start).is_not(None),
            col(row.end).is_not(None),
        )
        # The oldest comes last, and is found by boundaries that several have.
        .order_by(col(row.created).desc(), col(row.id).desc())
    )
    return {
        ItemId(id_): CutSample(
            item=ItemId(id_),
            start=start,
            end=end,
            stem=stem,
            hidden=hidden,
            marked=bool(favourite or rating is not None or tags or collected_),
        )
        for id_, start, end, stem, favourite, rating, tags, collected_, hidden in (
            await session.execute(query)
        ).all()
    }


def with_samples(
    cuts: Iterable[Cut], samples: Mapping[ItemId, CutSample], stem: str | None
) -> tuple[Cut, ...]:
    """Return cuts with the samples that exist.

    A cut that names none has the sample with its boundaries, if no other cut names that one.

    Parameters
    ----------
    stem
        Of the recording.
    """
    cuts = tuple(cuts)
    taken = {cut.sample for cut in cuts}
    by_range = {
        (sample.start, sample.end): sample.item
        for sample in samples.values()
        if sample.stem == stem and sample.item not in taken
    }
    resolved = []
    for cut in cuts:
        if cut.sample in samples or not cut.stored:
            resolved.append(cut)
            continue
        # Two cuts of the same boundaries have one sample between them.
        sample = by_range.pop((cut.start, cut.end), None)
        resolved.append(cut.model_copy(update={"sample": sample}))
    return tuple(resolved)


async def machine_samples(
    session: AsyncSession, item: ItemRow, field: CorrectionField
) -> dict[str, ItemId]:
    """Return the samples of the machine's newest cuts, by the names of their files.

    A sample that was moved since still has the machine's file among its artifacts.
    """
    file = await lane_file(session, item.id, field)
    if file is None:
        return {}
    query = (
        select(col(ArtifactRow.name), col(ArtifactRow.item))
        .join(ItemRow, col(ItemRow.id) == col(ArtifactRow.item))
        .where(
            col(ArtifactRow.job) == file.job,
            col(ArtifactRow.kind) == ArtifactKind.CANONICAL,
            col(ItemRow.parent) == item.id,
        )
    )
    return {name: ItemId(id_) for name, id_ in (await session.execute(query)).all() if id_}


async def follow_cuts(session: AsyncSession, versions: Sequence[CorrectionRow]) -> None:
    """Hide the samples of cuts that are gone from a list, and restore those of cuts that are back.

    A listener of `CUTS_CORRECTED`. A sample that its user marked is not hidden.
    """
    for version in versions:
        field = CorrectionField(version.field)
        item = await session.get(ItemRow, version.item)
        if item is None:
            continue
        previous = await session.get(
            CorrectionRow, (version.item, version.field, version.version - 1)
        )
        samples = await samples_of(session, item)
        before = await _samples_in(session, item, field, previous, samples)
        after = await _samples_in(session, item, field, version, samples)
        gone = (
            []
            if version.value is None
            else [
                id_ for id_ in before - after if not samples[id_].hidden and not samples[id_].marked
            ]
        )
        back = [id_ for id_ in after if samples[id_].hidden]
        await _hide(session, gone)
        await _show(session, back)


async def _samples_in(
    session: AsyncSession,
    item: ItemRow,
    field: CorrectionField,
    version: CorrectionRow | None,
    samples: Mapping[ItemId, CutSample],
) -> set[ItemId]:
    """Return the samples of a version; the machine's without one, or where it took it back."""
    if version is None or version.value is None:
        ids: Collection[ItemId] = (await machine_samples(session, item, field)).values()
    else:
        cuts = await _THREADS.run(read_cuts, version.value)
        stem = CUTS_OF[field] or item.stem
        ids = [cut.sample for cut in with_samples(cuts, samples, stem) if cut.sample is not None]
    return {id_ for id_ in ids if id_ in samples}


async def _hide(session: AsyncSession, ids: Sequence[ItemId]) -> None:
    query = (
        select(ItemRow)
        .where(col(ItemRow.id).in_(ids))
        .order_by(col(ItemRow.id))
        .with_for_update(key_share=True)
    )
    if ids:
        await hide_items(session, list(await session.scalars(query)))


async def _show(session: AsyncSession, ids: Sequence[ItemId]) -> None:
    query = (
        select(ItemRow)
        .join(DeletionRow, col(DeletionRow.id) == col(ItemRow.id))
        .where(col(ItemRow.id).in_(ids), col(DeletionRow.hidden))
        .order_by(col(ItemRow.id))
    )
    if ids:
        await show_items(session, list(await session.scalars(query)))
