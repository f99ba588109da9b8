"""`/items/{item}/notes`: notes at other thresholds, without a job."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from contracts.ids import ItemId
from contracts.music import Stem
from contracts.notes import MAX_NOTES_SECONDS, DecodedNotes, NoteThreshold, ShortestNote
from contracts.problems import FieldProblem, ProblemCode
from kit.http.errors import ProblemError
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.stored_notes import PosteriorFiles, decode_notes, posteriors_of
from services.library.corrections.views import LaneThreads
from services.library.routes.context import REFUSED, Context, Reader

_Moment = Annotated[float, Query(ge=0, le=86_400, allow_inf_nan=False)]


def note_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute,
        prefix="/items/{item}/notes",
        tags=["corrections"],
        responses=REFUSED,
    )
    files = PosteriorFiles()
    threads = LaneThreads()

    @router.get("", response_model=DecodedNotes)
    async def read(
        principal: Reader,
        item: ItemId,
        *,
        stem: Annotated[Stem | None, Query(description="A stem; else the item itself.")] = None,
        onset: Annotated[NoteThreshold | None, Query()] = None,
        note: Annotated[NoteThreshold | None, Query()] = None,
        shortest: Annotated[ShortestNote | None, Query()] = None,
        start: _Moment = 0.0,
        end: Annotated[float | None, Query(gt=0, le=86_400, allow_inf_nan=False)] = None,
    ) -> Response:
        """Read notes from stored posteriors with other thresholds; no job runs.

        What is left out is as in the job that made the item's notes. The notes begin between
        `start` and `end` seconds, at most 1200 s apart. To keep them, correct the lane `notes-…`.
        """
        async with server.database.session() as session:
            row = await Repository(session, principal).item(item, Action.READ)
            duration = (row.audio or {}).get("duration", 0.0)
            if (duration if end is None else min(end, duration)) - start > MAX_NOTES_SECONDS:
                text = f"the range is longer than {MAX_NOTES_SECONDS:g} s; ask for it in parts"
                raise ProblemError(
                    ProblemCode.INVALID_REQUEST,
                    f"{text[0].upper()}{text[1:]}.",
                    fields=(FieldProblem(field="query.end", message=text),),
                )
            artifact = await posteriors_of(session, item, stem)
        data = await files.read(server.objects, artifact)

        def decoded() -> bytes:
            answer = decode_notes(
                data, stem, onset=onset, note=note, shortest=shortest, start=start, end=end
            )
            return answer.model_dump_json().encode()

        return Response(await threads.run(decoded), media_type="application/json")

    return router
