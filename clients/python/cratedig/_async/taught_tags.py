"""Taught tags: custom tags that learn from answers and propose items."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import NoneType
from typing import Any, Unpack

from cratedig import types
from cratedig._async.resource import AsyncResource
from cratedig.operations import Operation, idempotency_key


class AsyncTaughtTags(AsyncResource):
    """Teach tags, review what they propose, and share them."""

    async def list(self) -> types.TaughtTags:
        """Return all taught tags in alphabetical order, without histograms."""
        return await self._connection.send(Operation("GET", "/v1/taught-tags", types.TaughtTags))

    async def create(self, tag: str) -> types.TaughtTag:
        """Create a taught tag, or return it; items with the custom tag count as yes-answers."""
        return await self._connection.send(
            Operation("PUT", "/v1/taught-tags/{tag}", types.TaughtTag, {"tag": tag})
        )

    async def get(self, tag: str) -> types.TaughtTag:
        """Return a taught tag with its versions and the histogram of confidences."""
        return await self._connection.send(
            Operation("GET", "/v1/taught-tags/{tag}", types.TaughtTag, {"tag": tag})
        )

    async def update(self, tag: str, **changes: Unpack[types.TaughtTagChanges]) -> types.TaughtTag:
        """Change `threshold` or `applies_to_new`, or go back to a `version`."""
        return await self._connection.send(
            Operation(
                "PATCH",
                "/v1/taught-tags/{tag}",
                types.TaughtTag,
                {"tag": tag},
                body=dict(changes),
            )
        )

    async def delete(self, tag: str) -> None:
        """Forget a taught tag's model and answers; the tag stays on its items."""
        await self._connection.send(
            Operation("DELETE", "/v1/taught-tags/{tag}", NoneType, {"tag": tag})
        )

    async def answer(
        self, tag: str, answers: Mapping[str, types.TagAnswer | None]
    ) -> types.TaughtTag:
        """Answer whether items have a tag; it has learnt from it when this returns.

        Parameters
        ----------
        answers
            By the item's id, at most 500; `None` takes an answer back.
        """
        body = {"answers": [{"item": item, "answer": answer} for item, answer in answers.items()]}
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/taught-tags/{tag}/answers",
                types.TaughtTag,
                {"tag": tag},
                body=body,
                headers=idempotency_key(),
            )
        )

    def answers(
        self, tag: str, *, answer: types.TagAnswer | None = None, page_size: int | None = None
    ) -> AsyncIterator[types.AnsweredItem]:
        """Yield the answers of a taught tag, the newest first.

        Parameters
        ----------
        answer
            Only these.
        page_size
            How many are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/taught-tags/{tag}/answers",
                types.Page[types.AnsweredItem],
                {"tag": tag},
                query={"answer": answer, "limit": page_size},
            )
        )

    async def questions(self, tag: str, *, page_size: int = 10) -> types.TagQuestions:
        """Return the most doubtful items, varied.

        Parameters
        ----------
        page_size
            How many, at most 200.
        """
        return await self._connection.send(
            Operation(
                "GET",
                "/v1/taught-tags/{tag}/questions",
                types.TagQuestions,
                {"tag": tag},
                query={"limit": page_size},
            )
        )

    def proposals(
        self, tag: str, *, page_size: int | None = None
    ) -> AsyncIterator[types.TagProposal]:
        """Yield the items that a tag proposes, the surest first.

        Parameters
        ----------
        page_size
            How many are fetched at a time, at most 200.
        """
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/taught-tags/{tag}/proposals",
                types.TagProposals,
                {"tag": tag},
                query={"limit": page_size},
            )
        )

    async def confirm(
        self,
        tag: str,
        items: Sequence[str] | None = None,
        *,
        all: bool = False,
    ) -> types.ProposalsConfirmed:
        """Put a tag on items that it proposes.

        Parameters
        ----------
        items
            At most 500; each counts as answered with yes.
        all
            Instead of `items`: the surest 2000.
        """
        body = {"all": True} if all else {"items": [*(items or ())]}
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/taught-tags/{tag}/proposals/confirm",
                types.ProposalsConfirmed,
                {"tag": tag},
                body=body,
                headers=idempotency_key(),
            )
        )

    async def export(self, tag: str) -> types.TaughtTagFile:
        """Return the model of a taught tag to share; it names no items."""
        return await self._connection.send(
            Operation("GET", "/v1/taught-tags/{tag}/file", types.TaughtTagFile, {"tag": tag})
        )

    async def import_file(
        self, file: types.TaughtTagFile | Mapping[str, Any], *, name: str | None = None
    ) -> types.TaughtTag:
        """Create a taught tag from what `export` returned, or let one that exists learn from it.

        Parameters
        ----------
        name
            The name of the tag; that in the file by default.
        """
        body = file if isinstance(file, Mapping) else file.model_dump(mode="json")
        return await self._connection.send(
            Operation(
                "POST",
                "/v1/taught-tags/import",
                types.TaughtTag,
                body=body,
                query={"name": name},
                headers=idempotency_key(),
            )
        )
