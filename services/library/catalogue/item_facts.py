"""The facts of an item that the worker of a job over it needs."""

from typing import Any

from sqlalchemy import Select
from sqlmodel import col

from contracts.ids import ItemId
from contracts.items import AudioFacts, ItemKind
from contracts.jobs import ItemFacts
from services.library.catalogue.artifacts import split_name
from services.library.catalogue.tables import ItemRow
from services.library.jobs.tables import JobRow


class ItemSubjects:
    """The `SubjectFacts` of jobs: a job over anything but an item has none."""

    def join(self, jobs: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
        """Add the item of each job, NULL for other subjects."""
        return jobs.add_columns(ItemRow).outerjoin(ItemRow, col(ItemRow.id) == col(JobRow.item))

    def facts_of(self, subject: ItemRow | None) -> ItemFacts | None:
        """Return the facts of an item as it is now."""
        if subject is None:
            return None
        return ItemFacts(
            id=ItemId(subject.id),
            kind=ItemKind(subject.kind),
            name=split_name(subject.name)[0],
            declared=ItemKind(subject.declared) if subject.declared else None,
            audio=AudioFacts.model_validate(subject.audio) if subject.audio else None,
            bpm=subject.bpm,
        )


ITEM_SUBJECTS = ItemSubjects()
