"""The client: one attribute for each resource of the API."""

from types import TracebackType
from typing import Self

import httpx

from cratedig import credentials as stored
from cratedig._async.account import AsyncAccount
from cratedig._async.admin import AsyncAdmin
from cratedig._async.artifacts import AsyncArtifacts
from cratedig._async.collections import AsyncCollections
from cratedig._async.connection import AsyncConnection
from cratedig._async.corrections import AsyncCorrections
from cratedig._async.cuts import AsyncCuts
from cratedig._async.events import AsyncEvents
from cratedig._async.feed import AsyncFeed
from cratedig._async.imports import AsyncImports
from cratedig._async.invitations import AsyncInvitations
from cratedig._async.items import AsyncItems
from cratedig._async.jobs import AsyncJobs
from cratedig._async.keys import AsyncKeys
from cratedig._async.maps import AsyncMaps
from cratedig._async.multitracks import AsyncMultitracks
from cratedig._async.pipelines import AsyncPipelines
from cratedig._async.query_sounds import AsyncQuerySounds
from cratedig._async.recommendations import AsyncRecommendations
from cratedig._async.runs import AsyncRuns
from cratedig._async.saved_searches import AsyncSavedSearches
from cratedig._async.search import AsyncSearch
from cratedig._async.sessions import AsyncSessions
from cratedig._async.shared_links import AsyncSharedLinks
from cratedig._async.similarity import AsyncSimilarity
from cratedig._async.tags import AsyncTags
from cratedig._async.tasks import AsyncTasks
from cratedig._async.taught_tags import AsyncTaughtTags
from cratedig._async.tray import AsyncTray
from cratedig._async.uploads import AsyncUploads
from cratedig._async.usage import AsyncUsage
from cratedig._async.webhooks import AsyncWebhooks
from cratedig.credentials import Credentials, Saver


class AsyncClient:
    """A client of one Cratedig server.

    Parameters
    ----------
    credentials
        The address, with an API key or the tokens of a session. By default `CRATEDIG_URL` and
        `CRATEDIG_API_KEY`, else what `cratedig login` left.
    save
        Called with the new credentials whenever a login or a refresh changes them. By default
        those of `cratedig login` are kept up to date, and others are not saved.
    transport
        Another transport of httpx; for tests.
    """

    def __init__(
        self,
        credentials: Credentials | None = None,
        *,
        save: Saver | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        save = save or (stored.save if credentials is None else stored.discard)
        self._connection = AsyncConnection(credentials or stored.load(), save, transport)
        self.account = AsyncAccount(self._connection)
        self.admin = AsyncAdmin(self._connection)
        self.artifacts = AsyncArtifacts(self._connection)
        self.collections = AsyncCollections(self._connection)
        self.corrections = AsyncCorrections(self._connection)
        self.cuts = AsyncCuts(self._connection)
        self.events = AsyncEvents(self._connection)
        self.feed = AsyncFeed(self._connection)
        self.imports = AsyncImports(self._connection)
        self.invitations = AsyncInvitations(self._connection)
        self.items = AsyncItems(self._connection)
        self.jobs = AsyncJobs(self._connection)
        self.keys = AsyncKeys(self._connection)
        self.maps = AsyncMaps(self._connection)
        self.multitracks = AsyncMultitracks(self._connection)
        self.pipelines = AsyncPipelines(self._connection)
        self.recommendations = AsyncRecommendations(self._connection)
        self.runs = AsyncRuns(self._connection)
        self.query_sounds = AsyncQuerySounds(self._connection)
        self.saved_searches = AsyncSavedSearches(self._connection)
        self.search = AsyncSearch(self._connection)
        self.shared_links = AsyncSharedLinks(self._connection)
        self.similarity = AsyncSimilarity(self._connection)
        self.sessions = AsyncSessions(self._connection)
        self.tags = AsyncTags(self._connection)
        self.tasks = AsyncTasks(self._connection)
        self.taught_tags = AsyncTaughtTags(self._connection)
        self.tray = AsyncTray(self._connection)
        self.uploads = AsyncUploads(self._connection)
        self.usage = AsyncUsage(self._connection)
        self.webhooks = AsyncWebhooks(self._connection)

    @property
    def credentials(self) -> Credentials:
        """The address and the tokens in use."""
        return self._connection.credentials

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connection.http.aclose()
