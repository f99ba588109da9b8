"""`/taught-tags`: custom tags that learn from answers and propose items."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from contracts.identity import Principal
from contracts.search import SearchHit
from contracts.tags import TagName
from contracts.teaching import (
    MAX_QUESTIONS,
    AnsweredItem,
    ProposalsConfirm,
    ProposalsConfirmed,
    TagAnswer,
    TagAnswers,
    TagProposal,
    TagProposals,
    TagQuestion,
    TagQuestions,
    TaughtTag,
    TaughtTagEdit,
    TaughtTagFile,
    TaughtTags,
)
from kit.http.list_cursor import ListPaging
from kit.http.pagination import Page, Paging
from kit.http.routes import GuardedRoute
from services.library.access import Action
from services.library.idempotency import Key
from services.library.routes.context import REFUSED, Context, Reader, Writer
from services.library.teaching import repository
from services.library.teaching.proposals import Proposal

_KICK = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
_HAT = "0197f3a2-6c2d-7e3f-9a41-2b3c4d5e6f70"
_ANSWERS = {
    "Yes and no": {
        "value": {
            "answers": [{"item": _KICK, "answer": "yes"}, {"item": _HAT, "answer": "no"}],
        }
    },
    "Take back": {"value": {"answers": [{"item": _KICK, "answer": None}]}},
}
_EDIT = {
    "Threshold": {"value": {"threshold": 0.8}},
    "An earlier version": {"value": {"version": 3}},
    "Not for new sounds": {"value": {"applies_to_new": False}},
}
_CONFIRM = {
    "Some": {"value": {"items": [_KICK]}},
    "All": {"value": {"all": True}},
}


def teaching_routes(server: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(
        route_class=GuardedRoute, prefix="/taught-tags", tags=["taught tags"], responses=REFUSED
    )

    @router.get("")
    async def list_(principal: Reader) -> TaughtTags:
        """List your taught tags in alphabetical order, without histograms."""
        return TaughtTags(items=tuple(await server.teaching.list_tags(principal)))

    @router.post("/import", responses={201: {"model": TaughtTag}})
    async def import_(
        principal: Writer,
        file: TaughtTagFile,
        response: Response,
        name: Annotated[
            TagName | None, Query(description="The name of the tag; that in the file by default.")
        ] = None,
        key: Key = None,
    ) -> TaughtTag:
        """Create a taught tag from a file that was shared, or let one that exists learn from it.

        A tag that exists keeps its answers: its model starts from that of the file. A repeated
        request changes nothing.
        """
        tag, is_new = await server.teaching.import_file(principal, file, name)
        response.status_code = 201 if is_new else 200
        return tag

    @router.put("/{tag}", responses={201: {"model": TaughtTag}})
    async def create(principal: Writer, tag: TagName, response: Response) -> TaughtTag:
        """Create a taught tag, or return it; items that have the custom tag count as yes-answers.

        Case, accents and width of the name do not matter.
        """
        created, is_new = await server.teaching.create(principal, tag)
        response.status_code = 201 if is_new else 200
        return created

    @router.get("/{tag}")
    async def get(principal: Reader, tag: TagName) -> TaughtTag:
        """Return a taught tag with its versions and the histogram of confidences."""
        return await server.teaching.get(principal, tag)

    @router.patch("/{tag}")
    async def edit(
        principal: Writer,
        tag: TagName,
        request: Annotated[TaughtTagEdit, Body(openapi_examples=_EDIT)],
    ) -> TaughtTag:
        """Choose the threshold, go back to a version, or exclude sounds that arrive later."""
        return await server.teaching.edit(principal, tag, request)

    @router.delete("/{tag}", status_code=204)
    async def delete(principal: Writer, tag: TagName) -> None:
        """Forget the model, answers and proposals of a taught tag; the tag stays on its items."""
        await server.teaching.delete(principal, tag)

    @router.post("/{tag}/answers")
    async def answer(
        principal: Writer,
        tag: TagName,
        request: Annotated[TagAnswers, Body(openapi_examples=_ANSWERS)],
        key: Key = None,
    ) -> TaughtTag:
        """Answer whether items have the tag; the tag has learnt from it when this returns.

        Yes puts the tag on the item. After a no the item is not proposed again. A repeated request
        changes nothing.
        """
        answers: dict[str, TagAnswer | None] = {
            entry.item: entry.answer for entry in request.answers
        }
        return await server.teaching.answer(principal, tag, answers)

    @router.get("/{tag}/answers")
    async def answers(
        principal: Reader, tag: TagName, paging: Paging, answer: TagAnswer | None = None
    ) -> Page[AnsweredItem]:
        """List the answers of a taught tag, the newest first."""
        async with server.database.session() as session:
            tags = repository.TaughtTagRepository(session, principal)
            row = await tags.get(tag, Action.READ)
            rows, following = await repository.page_of_answers(tags, row, paging, answer=answer)
        hits = await server.searches.hits(principal, [row.item for row in rows])
        return Page(
            items=tuple(
                AnsweredItem(
                    hit=hits[row.item], answer=TagAnswer(row.answer), answered_at=row.answered
                )
                for row in rows
                if row.item in hits
            ),
            next=following,
        )

    @router.get("/{tag}/questions")
    async def questions(
        principal: Reader,
        tag: TagName,
        limit: Annotated[int, Query(ge=1, le=MAX_QUESTIONS, description="Questions.")] = 10,
    ) -> TagQuestions:
        """Return the items of which the model knows least whether they have the tag, varied.

        There are none before the first version.
        """
        doubtful = await server.teaching.questions(principal, tag, limit)
        return TagQuestions(
            items=tuple(
                TagQuestion(hit=hit, confidence=confidence)
                for hit, confidence in await with_hits(principal, doubtful)
            )
        )

    @router.get("/{tag}/proposals")
    async def proposals(principal: Reader, tag: TagName, paging: ListPaging) -> TagProposals:
        """List the items that the tag proposes, the surest first.

        A page that was read after an answer is one of the new proposals.
        """
        listed, total, following = await server.teaching.proposals(principal, tag, paging)
        return TagProposals(
            items=tuple(
                TagProposal(hit=hit, confidence=confidence)
                for hit, confidence in await with_hits(principal, listed)
            ),
            total=total,
            next=following,
        )

    @router.post("/{tag}/proposals/confirm")
    async def confirm(
        principal: Writer,
        tag: TagName,
        request: Annotated[ProposalsConfirm, Body(openapi_examples=_CONFIRM)],
        key: Key = None,
    ) -> ProposalsConfirmed:
        """Put the tag on items that it proposes; a repeated request finds none of them proposed."""
        return await server.teaching.confirm(principal, tag, request.items)

    @router.get("/{tag}/file")
    async def file(principal: Reader, tag: TagName) -> TaughtTagFile:
        """Return the model of the version in use as a file to share; it names no items."""
        return await server.teaching.export(principal, tag)

    async def with_hits(
        principal: Principal, proposals: Sequence[Proposal]
    ) -> list[tuple[SearchHit, float]]:
        """Return what the search knows of items; those that are being deleted are left out."""
        hits = await server.searches.hits(principal, [proposal.item for proposal in proposals])
        return [
            (hits[proposal.item], proposal.confidence)
            for proposal in proposals
            if proposal.item in hits
        ]

    return router
