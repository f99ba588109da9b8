"""`/items/{item}/corrections`: values of the user that count instead of the machine's."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from contracts.base import Message
from contracts.corrections import (
    SMALL_FIELDS,
    Correction,
    CorrectionField,
    CorrectionPut,
    Corrections,
    CorrectionVersions,
)
from contracts.identity import Principal
from contracts.ids import ItemId
from contracts.items import AudioFacts
from contracts.problems import ProblemCode
from kit.http.errors import ProblemError
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.corrections.corrections import (
    correctable_item,
    take_back,
    version_of,
    versions_of,
    write_correction,
)
from services.library.corrections.machine import (
    fetch_lane_file,
    lane_file,
    lane_of,
    machine_values,
)
from services.library.corrections.values import StoredValue, read_value, unpack_value
from services.library.corrections.views import (
    CorrectionFacts,
    LaneThreads,
    corrections_facts,
    to_json,
    versions_to_api,
)
from services.library.routes.context import REFUSED, Context, Reader, Writer

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": CorrectionPut.model_json_schema(),
                "examples": {
                    "A tempo": {"value": {"value": 124}},
                    "Twice the machine's tempo": {"value": {"value": "double"}},
                    "A key": {"value": {"value": "Am"}},
                    "Chords": {
                        "value": {
                            "value": [
                                {"start": 0, "end": 2.1, "chord": "A:min", "confidence": 1},
                                {"start": 2.1, "end": 4.2, "chord": "F:maj", "confidence": 1},
                            ]
                        }
                    },
                },
            }
        },
    }
}
"""The body is read in a thread, so FastAPI does not parse it."""
Version = Annotated[int, Path(ge=1, le=1 << 30, description="The number of a version.")]


def correction_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute,
        prefix="/items/{item}/corrections",
        tags=["corrections"],
        responses=REFUSED,
    )
    threads = LaneThreads()

    async def answer(call: Any, *args: Any) -> Response:
        def write() -> bytes:
            shown: Message = call(*args)
            return to_json(shown)

        return Response(await threads.run(write), media_type="application/json")

    async def facts_of(
        principal: Principal, item: str, field: CorrectionField | None
    ) -> CorrectionFacts:
        async with server.database.session() as session:
            row = await Repository(session, principal).item(item, Action.READ)
            return await corrections_facts(session, row, field)

    async def shown(principal: Principal, item: str, field: CorrectionField) -> Response:
        """Return the answer with a correction and the machine's value."""
        facts = await facts_of(principal, item, field)
        if not facts.rows:
            raise ProblemError(
                ProblemCode.NOT_FOUND,
                f"`{field.value}` of this item is not corrected; the machine's value counts.",
            )
        file, data = None, None
        if field not in SMALL_FIELDS:
            async with server.database.session() as session:
                file = await lane_file(session, item, field)
            data = await fetch_lane_file(server.objects, file) if file is not None else None

        def with_lane() -> Correction:
            lane = lane_of(data, file.sha256, field) if data is not None and file else None
            return facts.correction(facts.rows[0], lane=lane)

        return await answer(with_lane)

    @router.get("", response_model=Corrections)
    async def list_(principal: Reader, item: ItemId) -> Response:
        """List the corrections of an item. The machine's lanes are left out."""
        return await answer((await facts_of(principal, item, None)).all)

    @router.get("/{field}", response_model=Correction)
    async def get(principal: Reader, item: ItemId, field: CorrectionField) -> Response:
        """Return a correction with the machine's value, also of a lane."""
        return await shown(principal, item, field)

    @router.put("/{field}", response_model=Correction, openapi_extra=_BODY)
    async def put(
        principal: Writer, item: ItemId, field: CorrectionField, request: Request
    ) -> Response:
        """Correct a value: from now on it counts instead of the machine's, also after a new job.

        Each value makes a version; a value that the field has already makes none. Results that were
        computed from the value before stay; the answer names them.
        """
        async with server.database.session() as session:
            row = await correctable_item(Repository(session, principal), item, field)
            machine = await machine_values(session, row)
            audio = AudioFacts.model_validate(row.audio)
        value = await threads.run(
            read_value,
            field,
            await request.body(),
            audio=audio,
            machine_tempo=machine.tempo,
        )
        return await write(principal, item, field, value)

    async def write(
        principal: Principal, item: str, field: CorrectionField, value: StoredValue
    ) -> Response:
        async with server.database.transaction() as session:
            row, correction = await write_correction(
                Repository(session, principal), item, field, value
            )
            facts = await corrections_facts(session, row, field)
        return await answer(facts.correction, correction)

    @router.delete("/{field}", status_code=204)
    async def delete(principal: Writer, item: ItemId, field: CorrectionField) -> None:
        """Take a correction back: the machine's value counts again. Its versions stay."""
        async with server.database.transaction() as session:
            await take_back(Repository(session, principal), item, field)

    @router.get("/{field}/versions", response_model=CorrectionVersions)
    async def versions(principal: Reader, item: ItemId, field: CorrectionField) -> Response:
        """List the versions of a correction, the newest first."""
        async with server.database.session() as session:
            await Repository(session, principal).item(item, Action.READ)
            rows = await versions_of(session, item, field)
        return await answer(versions_to_api, rows)

    @router.post("/{field}/versions/{version}/restore", response_model=Correction)
    async def restore(
        principal: Writer, item: ItemId, field: CorrectionField, version: Version
    ) -> Response:
        """Correct a field to the value of an earlier version, which makes a new version."""
        async with server.database.session() as session:
            row = await version_of(Repository(session, principal), item, field, version)
        assert row.value is not None
        value = StoredValue(
            await threads.run(unpack_value, row.value), row.value, row.size, row.entries
        )
        return await write(principal, item, field, value)

    return router
