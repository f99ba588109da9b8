"""The run that makes the samples of a user's cuts."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from contracts.corrections import CUTS_OF, CorrectionField
from contracts.ids import JobId
from contracts.items import ArtifactKind, ItemState
from contracts.jobs import Params, Priority
from contracts.music import Stem
from contracts.problems import ProblemCode
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import ArtifactRow
from services.library.corrections.corrections import newest_version
from services.library.corrections.machine import lane_file
from services.library.jobs.locks import hold_owner
from services.library.jobs.policy import Policy
from services.library.jobs.submission import NotAdmitted
from services.library.jobs.tables import JobRow
from services.library.pipelines.builtin import cuts_pipeline
from services.library.pipelines.requests import refusal
from services.library.pipelines.runs import start_run
from services.library.pipelines.tables import RunRow


async def render_cuts(
    repository: Repository, id_: str, field: CorrectionField, *, policy: Policy
) -> RunRow:
    """Start a run that makes the samples of the user's cuts, and tags them.

    Raises
    ------
    ProblemError
        The machine's cuts count, or the item is not ready.
    """
    session = repository.session
    await hold_owner(session, repository.owner)
    item = await repository.item(id_, Action.RUN)
    if item.state != ItemState.READY:
        raise ProblemError(
            ProblemCode.WRONG_STATE, f"This item is {item.state}; only a ready one can be cut."
        )
    version = await newest_version(session, item.id, field)
    if version is None or version.value is None:
        raise ProblemError(
            ProblemCode.WRONG_STATE,
            "The cuts of this recording are those of the machine, and its samples exist. Edit the "
            "cuts first; to detect them, run slicing.",
        )
    stem = CUTS_OF[field]
    separation = None
    if stem is not None:
        separation = await _separation_of(session, item.id, stem)
        if separation is None:
            raise ProblemError(
                ProblemCode.WRONG_STATE,
                f"This item has no stem `{stem.value}` any more. Separate it first.",
            )
    params = await _params_of(session, item.id, field)
    try:
        return await start_run(
            session,
            item,
            cuts_pipeline(stem, params),
            priority=Priority.INTERACTIVE,
            force=False,
            policy=policy,
            finished={"separation": separation} if separation is not None else {},
        )
    except NotAdmitted as error:
        raise refusal(error) from None


async def _separation_of(session: AsyncSession, item: str, stem: Stem) -> JobId | None:
    """Return the job that made the newest file of a stem."""
    query = (
        select(col(ArtifactRow.job))
        .where(
            col(ArtifactRow.item) == item,
            col(ArtifactRow.kind) == ArtifactKind.STEM,
            col(ArtifactRow.stem) == stem,
        )
        .order_by(col(ArtifactRow.created).desc(), col(ArtifactRow.id).desc())
        .limit(1)
    )
    job = (await session.execute(query)).scalar_one_or_none()
    return JobId(job) if job is not None else None


async def _params_of(session: AsyncSession, item: str, field: CorrectionField) -> Params:
    """Return the parameters of the machine's cuts: fades and levels stay as they were."""
    file = await lane_file(session, item, field)
    job = await session.get(JobRow, file.job) if file is not None else None
    return dict(job.params) if job is not None else {}
