"""`/items/{item}/cuts`: the cuts of a recording, edited by hand and rendered as samples."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from fastapi.responses import Response as RawResponse

from contracts.corrections import FIELD_OF_CUTS, CorrectionField
from contracts.cuts import Cut, CutList, CutsPatch
from contracts.identity import Principal
from contracts.ids import ItemId
from contracts.items import PartOfSong
from contracts.pipelines import Run, RunState
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.corrections.corrections import write_correction
from services.library.corrections.values import StoredValue, check_cuts, pack_value
from services.library.corrections.views import to_json
from services.library.cuts.edits import edit_cuts
from services.library.cuts.lists import CutLists, CutRecording, read_recording, to_cut_list
from services.library.idempotency import Key, once
from services.library.pipelines.cut_rendering import render_cuts
from services.library.pipelines.repository import PipelineRepository
from services.library.pipelines.runs import job_summaries, run_to_api, step_states_of
from services.library.routes.context import REFUSED, Context, Reader, Runner, Writer

StemOfSong = Annotated[
    PartOfSong | None,
    Query(description="The stem that is cut; without it the item itself."),
]
_EXAMPLES = {
    "Move a start": {"value": {"version": 0, "edits": [{"do": "move", "cut": 3, "start": 44100}]}},
    "Split one cut and delete another": {
        "value": {
            "version": 2,
            "edits": [{"do": "split", "cut": 3, "at": 52000}, {"do": "delete", "cut": 7}],
        }
    },
    "Return to the machine's cuts": {"value": {"version": 2, "edits": [{"do": "reset"}]}},
}


def cut_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/items/{item}/cuts", tags=["cuts"], responses=REFUSED
    )
    lists = CutLists()

    async def recording_of(
        principal: Principal, item: str, field: CorrectionField, *, write: bool
    ) -> CutRecording:
        async with server.database.session() as session:
            return await read_recording(Repository(session, principal), item, field, write=write)

    async def answer(recording: CutRecording, cuts: tuple[Cut, ...], version: int) -> RawResponse:
        def shown() -> bytes:
            return to_json(to_cut_list(recording, cuts, version=version))

        return RawResponse(await lists.threads.run(shown), media_type="application/json")

    @router.get("", response_model=CutList)
    async def get(principal: Reader, item: ItemId, stem: StemOfSong = None) -> RawResponse:
        """Return the cuts of an item or of one of its stems, with the samples made from them.

        They are the user's, if there are any, and otherwise those that slicing found.
        `/corrections/cuts` and `/corrections/cuts-drums` and so on hold the versions.
        """
        recording = await recording_of(principal, item, FIELD_OF_CUTS[stem], write=False)
        return await answer(
            recording, await lists.current(server.objects, recording), recording.version
        )

    @router.patch("", response_model=CutList)
    async def patch(
        principal: Writer,
        item: ItemId,
        request: Annotated[CutsPatch, Body(openapi_examples=_EXAMPLES)],
        stem: StemOfSong = None,
    ) -> RawResponse:
        """Move, split, merge, delete and add cuts: all edits are made, or none.

        They make a version, which `/corrections/{field}/versions` can restore. Samples of deleted
        cuts are hidden, unless their user marked them, and come back with their cuts. Other samples
        stay as they are until the cuts are rendered.
        """
        recording = await recording_of(principal, item, FIELD_OF_CUTS[stem], write=True)
        before = await lists.current(server.objects, recording)
        machine = await lists.machine(server.objects, recording)

        def edited() -> tuple[tuple[Cut, ...], StoredValue]:
            cuts = edit_cuts(before, request.edits, machine=machine, marked=recording.marked)
            check_cuts(cuts, recording.audio)
            value = [cut.model_dump(mode="json") for cut in cuts]
            return cuts, pack_value(value, entries=len(value))

        cuts, value = await lists.threads.run(edited)
        async with server.database.transaction() as session:
            _, row = await write_correction(
                Repository(session, principal),
                item,
                recording.field,
                value,
                expected=request.version,
            )
        return await answer(recording, cuts, row.version)

    @router.post(
        "/render", status_code=202, responses={200: {"description": "All results exist already."}}
    )
    async def render(
        principal: Runner,
        item: ItemId,
        response: Response,
        stem: StemOfSong = None,
        key: Key = None,
    ) -> Run:
        """Make the samples of the user's cuts, without detecting anything, and tag them.

        A sample whose cut was moved keeps its id, marks and collections, and gets the new audio.
        """
        field = FIELD_OF_CUTS[stem]
        async with server.database.transaction() as session:
            repository = PipelineRepository(session, principal)

            async def act() -> tuple[str, int]:
                row = await render_cuts(repository, item, field, policy=server.policy)
                return row.id, 202 if row.state == RunState.RUNNING else 200

            route = f"POST /items/{item}/cuts/render?stem={stem or ''}"
            id_, response.status_code = await once(
                session, act, owner=principal.owner, route=route, key=key
            )
            row = await repository.run(id_, Action.RUN)
            return run_to_api(row, await job_summaries(session, step_states_of(row)))

    return router
