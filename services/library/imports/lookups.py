"""Find out what a request wants to import, before anything is written."""

import asyncio
from collections.abc import Mapping

from contracts.identity import Principal
from contracts.imports import PACK, ImportCreate
from contracts.music import Seconds
from contracts.problems import FieldProblem, ProblemCode
from contracts.uploads import UploadState
from kit.database.engine import Database
from kit.http.errors import ProblemError
from services.library.access import Action
from services.library.catalogue.repository import Repository
from services.library.catalogue.tables import OPENING
from services.library.catalogue.uploads import Uploads
from services.library.imports.providers.base import Listing, NothingFound, Provider
from services.library.imports.web import Web, WebError

TIMEOUT: Seconds = 8.0
"""Time in which a provider must find its files; the gateway waits 10 s for an answer."""
AT_ONCE = 8
"""Lookups of all callers at the same time; more are refused."""


class Lookups:
    """Asks providers; the files are downloaded later, by `Importer`."""

    def __init__(
        self,
        database: Database,
        uploads: Uploads,
        web: Web,
        providers: Mapping[str, Provider],
        *,
        max_pack: int,
    ) -> None:
        self.providers = providers
        self._database = database
        self._uploads = uploads
        self._web = web
        self._max_pack = max_pack
        self._under_way: set[str] = set()

    async def find(self, principal: Principal, request: ImportCreate) -> Listing:
        """Return the files that a reference means.

        Raises
        ------
        ProblemError
            There is no such provider, it found nothing, or it cannot be reached.
        """
        provider = self.providers.get(request.provider)
        if provider is None:
            names = ", ".join((PACK, *self.providers))
            raise _wrong("provider", f"unknown; this server has {names}")
        if principal.owner in self._under_way or len(self._under_way) >= AT_ONCE:
            raise ProblemError(
                ProblemCode.TOO_MANY_REQUESTS,
                "Another import is being looked up; send this one again in a few seconds.",
                retry_after=5,
            )
        self._under_way.add(principal.owner)
        try:
            async with asyncio.timeout(TIMEOUT):
                return await provider.find(request, self._web)
        except NothingFound as nothing:
            raise _wrong("reference", str(nothing)) from nothing
        except WebError as error:
            if error.passing:
                raise ProblemError(ProblemCode.UPSTREAM_FAILED, str(error)) from error
            raise _wrong("reference", str(error)) from error
        except TimeoutError:
            raise ProblemError(
                ProblemCode.UPSTREAM_FAILED, f"{provider.title}: no answer within {TIMEOUT:g} s."
            ) from None
        finally:
            self._under_way.discard(principal.owner)

    async def join_pack(self, principal: Principal, upload: str) -> None:
        """Join the parts of a pack's upload, if it is open.

        Raises
        ------
        ProblemError
            There is no such upload, it is too large, or parts of it are missing.
        """
        async with self._database.session() as session:
            row = await Repository(session, principal).upload(upload, Action.WRITE)
        if row.size > self._max_pack:
            raise ProblemError(
                ProblemCode.TOO_LARGE,
                f"A pack has at most {self._max_pack} bytes; this one has {row.size}. Split it.",
            )
        if row.state in (OPENING, UploadState.OPEN):
            await self._uploads.join(principal, upload)


def _wrong(field: str, text: str) -> ProblemError:
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"`{field}`: {text}",
        fields=(FieldProblem(field=f"body.{field}", message=text),),
    )
