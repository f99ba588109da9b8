"""Notes read again from the posteriors that a `midi` job stored."""

from collections import OrderedDict

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.corrections import MAX_ENTRIES
from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.notes import DecodedNotes, NoteThresholds
from contracts.objects import Bucket
from contracts.problems import ProblemCode
from kit.http.errors import ProblemError
from kit.notes.notation import to_note
from kit.notes.partials import FRAME
from kit.notes.stored import MAX_FILE_BYTES, DamagedPosteriors, StoredPosteriors
from kit.objects.base import ObjectCorrupt, ObjectMissing, ObjectStore
from services.library.catalogue.tables import ArtifactRow

_KEPT_BYTES = 64 << 20
"""Files of posteriors that are kept in memory, as a slider asks for the same one again."""


class PosteriorFiles:
    """Reads files of posteriors; the most recently used ones stay in memory."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    async def read(self, objects: ObjectStore, artifact: ArtifactRow) -> bytes:
        """Return the content of a file.

        Raises
        ------
        ProblemError
            The file is too large, missing or damaged.
        ObjectError
            The store cannot be asked now.
        """
        if artifact.size > MAX_FILE_BYTES:
            raise ProblemError(
                ProblemCode.TOO_LARGE,
                "The posteriors of this item are too large to read notes from. Run `midi` with "
                "other thresholds instead.",
            )
        kept = self._kept.pop(artifact.id, None)
        if kept is None:
            try:
                kept = await objects.get_bytes(
                    Bucket(artifact.bucket), artifact.object_key, limit=MAX_FILE_BYTES
                )
            except (ObjectMissing, ObjectCorrupt):
                raise damaged() from None
        self._kept[artifact.id] = kept
        while sum(map(len, self._kept.values())) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return kept


async def posteriors_of(session: AsyncSession, item: str, stem: Stem | None) -> ArtifactRow:
    """Return the newest file of posteriors of an item, or of one of its stems.

    Raises
    ------
    ProblemError
        There is none.
    """
    row = (
        await session.scalars(
            select(ArtifactRow)
            .where(
                col(ArtifactRow.item) == item,
                col(ArtifactRow.stem) == stem,
                col(ArtifactRow.kind) == ArtifactKind.POSTERIORS,
            )
            .order_by(col(ArtifactRow.created).desc(), col(ArtifactRow.id).desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        of = f"its {stem.value} stem" if stem else "this item itself"
        raise ProblemError(
            ProblemCode.NOT_FOUND,
            f"No posteriors of {of} are stored: its notes were never made, or by an older version. "
            "Run `midi` again.",
        )
    return row


def decode_notes(
    data: bytes,
    stem: Stem | None,
    *,
    onset: float | None,
    note: float | None,
    shortest: float | None,
    start: float,
    end: float | None,
) -> DecodedNotes:
    """Read notes from a file of posteriors; thresholds that are `None` are those of its job.

    Takes about 3 ms for a second of music, so callers run it in a thread.

    Raises
    ------
    ProblemError
        The file is damaged, or there are too many notes.
    """
    try:
        stored = StoredPosteriors(data)
        options = stored.options
        machine = NoteThresholds(
            onset=options.onset_threshold,
            note=options.frame_threshold,
            shortest=options.minimum_note_ms,
        )
        thresholds = NoteThresholds(
            onset=machine.onset if onset is None else onset,
            note=machine.note if note is None else note,
            shortest=machine.shortest if shortest is None else shortest,
        )
        stop = stored.seconds if end is None else min(end, stored.seconds)
        events = stored.decode(
            onset_threshold=thresholds.onset,
            frame_threshold=thresholds.note,
            minimum_note_ms=thresholds.shortest,
            start=start,
            end=stop,
        )
    except DamagedPosteriors:
        raise damaged() from None
    if len(events) > MAX_ENTRIES:
        raise ProblemError(
            ProblemCode.TOO_LARGE,
            f"These thresholds give more than {MAX_ENTRIES} notes. Raise them, or ask for a "
            "shorter range with `start` and `end`.",
        )
    return DecodedNotes(
        stem=stem,
        tracker=options.tracker,
        thresholds=thresholds,
        machine=machine,
        start=min(start, stop),
        end=stop,
        bend_interval=FRAME,
        notes=tuple(to_note(event, median=options.median_level) for event in events),
    )


def damaged() -> ProblemError:
    """Return the refusal for a file of posteriors that cannot be read."""
    return ProblemError(
        ProblemCode.NOT_FOUND,
        "The stored posteriors are missing or damaged. Run `midi` again.",
    )
