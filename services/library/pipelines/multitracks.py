"""Multitracks: songs made of the user's own stems."""

from collections.abc import Sequence

from contracts.ingest import IngestParams
from contracts.items import AudioFacts, ItemKind, ItemState
from contracts.jobs import InputRef
from contracts.multitracks import MIN_LENGTH_SHARE, MultitrackCreate
from contracts.music import Stem
from contracts.problems import FieldProblem, ProblemCode
from contracts.subjects import Subject
from contracts.tasks import TASKS, UPLOAD_TASK
from kit.clock import new_id
from kit.database.engine import database_of
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.catalogue.artifacts import fit_name, search_text
from services.library.catalogue.events import emit_item_added, emit_items_changed
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ItemRow
from services.library.catalogue.views import to_input_ref
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.submission import NewJob, NotAdmitted, Quarantined, create
from services.library.jobs.tables import JobRow
from services.library.pipelines.requests import refusal
from services.library.pipelines.steps import canonical_audio
from services.library.pipelines.validation import duration_of


async def create_multitrack(
    repository: Repository, request: MultitrackCreate, *, params: IngestParams, policy: Policy
) -> tuple[ItemRow, JobRow]:
    """Make a song of items that hold its stems, and submit the job that mixes them.

    The items become children of the song at once, so that none is a part of two songs.

    Raises
    ------
    ProblemError
        An item cannot be a part, the parts do not fit together, or the queue is full.
    """
    session, owner = repository.session, repository.owner
    await hold_owner(session, owner)
    parts = await _parts_of(repository, request)
    _require_fit(parts)
    now = await database_of(session).time(session)
    name = fit_name(request.name)
    song = ItemRow(
        id=new_id(),
        owner=owner,
        kind=ItemKind.TRACK.value,
        declared=ItemKind.TRACK.value,
        state=ItemState.INGESTING.value,
        name=name,
        labels=dict(request.metadata),
        search=search_text(name, request.metadata),
        created=now,
        updated=now,
    )
    repository.items.add(song)
    await session.flush()
    inputs: list[InputRef] = []
    for place, (row, part) in enumerate(zip(parts, request.parts, strict=True)):
        if part.stem is not None:
            row.stem = part.stem.value
        audio = await canonical_audio(session, row.id)
        if audio is None or row.stem is None:
            text = "say which part of the song it holds, as its `stem`"
            raise _refused("This item has no stem", text, place)
        row.parent, row.kind, row.updated = song.id, ItemKind.STEM.value, now
        row.start, row.end = 0, AudioFacts.model_validate(row.audio).samples
        inputs.append(to_input_ref(audio).model_copy(update={"stem": Stem(row.stem)}))
    await session.flush()
    new = NewJob(
        subject=Subject.of_item(song.id),
        task=UPLOAD_TASK,
        params=params.model_dump(mode="json"),
        inputs=tuple(inputs),
        start_to_close_timeout=TASKS[UPLOAD_TASK].timeout(0.0),
        long=sum(map(duration_of, parts)) > policy.long_audio,
    )
    try:
        job, _ = await create(session, owner, new, policy=policy)
    except (NotAdmitted, Quarantined) as error:
        raise refusal(error) from None
    await emit_item_added(session, song)
    await emit_items_changed(session, parts)
    return song, job


async def _parts_of(repository: Repository, request: MultitrackCreate) -> list[ItemRow]:
    """Return the items of a request, locked and in its order. Raises `ProblemError`."""
    rows: dict[str, ItemRow] = {}
    for id_ in sorted({part.item for part in request.parts}):
        rows[id_] = await repository.item(id_, Action.WRITE, hold=True)
    if len(rows) < len(request.parts):
        raise _refused("An item is named twice", "name each item once", None)
    for place, part in enumerate(request.parts):
        row = rows[part.item]
        if row.state != ItemState.READY or row.audio is None:
            raise ProblemError(
                ProblemCode.WRONG_STATE,
                f"`{row.name}` is {row.state}. Wait until every part is ready.",
            )
        if row.parent is not None:
            raise ProblemError(
                ProblemCode.CONFLICT,
                f"`{row.name}` is a part of another item already. Upload its file for this song "
                "alone, or use that song.",
            )
        if part.stem is None and row.stem is None:
            text = "say which part of the song it holds, as its `stem`"
            raise _refused(f"`{row.name}` has no stem", text, place)
    return [rows[part.item] for part in request.parts]


def _require_fit(parts: Sequence[ItemRow]) -> None:
    """Raise `ProblemError` unless parts have one sample rate and similar lengths."""
    audio = [AudioFacts.model_validate(part.audio) for part in parts]
    rates = sorted({facts.sample_rate for facts in audio})
    if len(rates) > 1:
        shown = ", ".join(f"{rate} Hz" for rate in rates)
        text = f"the parts have different sample rates: {shown}; export all of them at one rate"
        raise _refused("These do not fit together", text, None)
    longest = max(facts.samples for facts in audio)
    for place, facts in enumerate(audio):
        if facts.samples < MIN_LENGTH_SHARE * longest:
            text = (
                f"`{parts[place].name}` lasts {facts.duration:.1f} s and the longest part "
                f"{longest / rates[0]:.1f} s; export all parts from the start to the end of the "
                "song"
            )
            raise _refused("These do not fit together", text, place)


def _refused(what: str, text: str, place: int | None) -> ProblemError:
    field = "body.parts" if place is None else f"body.parts.{place}"
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{what}: {text}.",
        fields=(FieldProblem(field=field, message=text),),
    )
