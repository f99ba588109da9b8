"""Lists of cuts: read with their samples, and shown."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.corrections import CUTS_OF, CorrectionField
from contracts.cuts import Cut, CutAuthor, CutList, CutState
from contracts.ids import ItemId
from contracts.items import ArtifactKind, AudioFacts
from contracts.music import Stem
from contracts.problems import ProblemCode
from contracts.slicing import SliceKind
from kit.http.errors import ProblemError
from kit.objects.base import ObjectStore
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.corrections.corrections import correctable_item, newest_version
from services.library.corrections.machine import fetch_lane_file, lane_file, lane_of
from services.library.corrections.tables import CorrectionRow
from services.library.corrections.values import read_cuts
from services.library.corrections.views import LaneThreads
from services.library.cuts.samples import (
    CutSample,
    machine_samples,
    samples_of,
    with_samples,
)


@dataclass(frozen=True, slots=True)
class CutRecording:
    """What is known of an item, or of one of its stems, before its lists of cuts are read."""

    item: str
    field: CorrectionField
    stem: str | None
    """Of the recording: of an item that is a stem itself, that one."""
    audio: AudioFacts
    newest: CorrectionRow | None
    """The newest version of the user's list."""
    machine_file: ArtifactRow | None
    machine_samples: Mapping[str, ItemId]
    samples: Mapping[ItemId, CutSample]

    @property
    def version(self) -> int:
        """Number of the newest version; 0 without one."""
        return self.newest.version if self.newest is not None else 0

    @property
    def marked(self) -> Set[ItemId]:
        """Samples that their user marked."""
        return {sample.item for sample in self.samples.values() if sample.marked}


async def read_recording(
    repository: Repository, id_: str, field: CorrectionField, *, write: bool
) -> CutRecording:
    """Read what is known of the cuts of an item or of one of its stems.

    Raises
    ------
    ProblemError
        There is no such item, it is not ready, or it has no such stem.
    """
    session = repository.session
    if write:
        item = await correctable_item(repository, id_, field)
    else:
        item = await repository.item(id_, Action.READ)
    if item.audio is None:
        raise ProblemError(
            ProblemCode.WRONG_STATE, f"This item is {item.state}; only a ready one can be cut."
        )
    stem = CUTS_OF[field]
    if stem is not None:
        await _require_stem(session, item, stem)
    return CutRecording(
        item=item.id,
        field=field,
        stem=stem or item.stem,
        audio=AudioFacts.model_validate(item.audio),
        newest=await newest_version(session, item.id, field),
        machine_file=await lane_file(session, item.id, field),
        machine_samples=await machine_samples(session, item, field),
        samples=await samples_of(session, item),
    )


async def _require_stem(session: AsyncSession, item: ItemRow, stem: Stem) -> None:
    query = select(col(ArtifactRow.id)).where(
        col(ArtifactRow.item) == item.id,
        col(ArtifactRow.kind) == ArtifactKind.STEM,
        col(ArtifactRow.stem) == stem,
    )
    if (await session.execute(query.limit(1))).first() is None:
        raise ProblemError(
            ProblemCode.NOT_FOUND,
            f"This item has no stem `{stem.value}`. Separate it first, or leave `stem` out for the "
            "cuts of the item itself.",
        )


class CutLists:
    """Reads lists of cuts; long ones are decoded in threads."""

    def __init__(self) -> None:
        self.threads = LaneThreads()

    async def machine(self, objects: ObjectStore, recording: CutRecording) -> tuple[Cut, ...]:
        """Return the machine's cuts with their samples; none if nothing was sliced."""
        file = recording.machine_file
        data = await fetch_lane_file(objects, file) if file is not None else None
        if data is None or file is None:
            return ()
        return await self.threads.run(_machine_cuts, data, file.sha256, recording)

    async def current(self, objects: ObjectStore, recording: CutRecording) -> tuple[Cut, ...]:
        """Return the cuts that count, with their samples."""
        newest = recording.newest
        if newest is None or newest.value is None:
            return await self.machine(objects, recording)
        return await self.threads.run(_user_cuts, newest.value, recording)


def _machine_cuts(data: bytes, sha256: str, recording: CutRecording) -> tuple[Cut, ...]:
    cuts = [Cut.model_validate(cut) for cut in lane_of(data, sha256, recording.field) or ()]
    # Slices were stored by the names that their numbers and kinds give them.
    by_number = {
        (name.rpartition("hit-")[1] == "", int(name.rpartition(".")[0].rpartition("-")[2])): id_
        for name, id_ in recording.machine_samples.items()
    }
    return tuple(
        cut.model_copy(update={"sample": by_number.get((cut.kind is SliceKind.LOOP, cut.number))})
        if cut.stored
        else cut
        for cut in cuts
    )


def _user_cuts(data: bytes, recording: CutRecording) -> tuple[Cut, ...]:
    return with_samples(read_cuts(data), recording.samples, recording.stem)


def to_cut_list(recording: CutRecording, cuts: tuple[Cut, ...], *, version: int) -> CutList:
    """Return a list as the API shows it."""
    shown = []
    to_render = 0
    for cut in cuts:
        sample = recording.samples.get(cut.sample) if cut.sample is not None else None
        rendered = sample is not None and (sample.start, sample.end) == (cut.start, cut.end)
        to_render += cut.stored and not rendered
        shown.append(CutState(**dict(cut), rendered=cut.stored and rendered))
    newest = recording.newest
    by_user = version > recording.version or (newest is not None and newest.value is not None)
    return CutList(
        stem=CUTS_OF[recording.field],
        by=CutAuthor.USER if by_user else CutAuthor.MACHINE,
        version=version,
        sample_rate=recording.audio.sample_rate,
        samples=recording.audio.samples,
        to_render=to_render,
        items=tuple(shown),
    )
