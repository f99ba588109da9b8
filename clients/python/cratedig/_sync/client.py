# Made from _async/client.py by make_sync.py: change that file.
"""The client: one attribute for each resource of the API."""

from types import TracebackType
from typing import Self

import httpx

from cratedig import credentials as stored
from cratedig._sync.account import Account
from cratedig._sync.admin import Admin
from cratedig._sync.artifacts import Artifacts
from cratedig._sync.collections import Collections
from cratedig._sync.connection import Connection
from cratedig._sync.corrections import Corrections
from cratedig._sync.cuts import Cuts
from cratedig._sync.events import Events
from cratedig._sync.feed import Feed
from cratedig._sync.imports import Imports
from cratedig._sync.invitations import Invitations
from cratedig._sync.items import Items
from cratedig._sync.jobs import Jobs
from cratedig._sync.keys import Keys
from cratedig._sync.maps import Maps
from cratedig._sync.multitracks import Multitracks
from cratedig._sync.pipelines import Pipelines
from cratedig._sync.query_sounds import QuerySounds
from cratedig._sync.recommendations import Recommendations
from cratedig._sync.runs import Runs
from cratedig._sync.saved_searches import SavedSearches
from cratedig._sync.search import Search
from cratedig._sync.sessions import Sessions
from cratedig._sync.shared_links import SharedLinks
from cratedig._sync.similarity import Similarity
from cratedig._sync.tags import Tags
from cratedig._sync.tasks import Tasks
from cratedig._sync.taught_tags import TaughtTags
from cratedig._sync.tray import Tray
from cratedig._sync.uploads import Uploads
from cratedig._sync.usage import Usage
from cratedig._sync.webhooks import Webhooks
from cratedig.credentials import Credentials, Saver


class Client:
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        save = save or (stored.save if credentials is None else stored.discard)
        self._connection = Connection(credentials or stored.load(), save, transport)
        self.account = Account(self._connection)
        self.admin = Admin(self._connection)
        self.artifacts = Artifacts(self._connection)
        self.collections = Collections(self._connection)
        self.corrections = Corrections(self._connection)
        self.cuts = Cuts(self._connection)
        self.events = Events(self._connection)
        self.feed = Feed(self._connection)
        self.imports = Imports(self._connection)
        self.invitations = Invitations(self._connection)
        self.items = Items(self._connection)
        self.jobs = Jobs(self._connection)
        self.keys = Keys(self._connection)
        self.maps = Maps(self._connection)
        self.multitracks = Multitracks(self._connection)
        self.pipelines = Pipelines(self._connection)
        self.recommendations = Recommendations(self._connection)
        self.runs = Runs(self._connection)
        self.query_sounds = QuerySounds(self._connection)
        self.saved_searches = SavedSearches(self._connection)
        self.search = Search(self._connection)
        self.shared_links = SharedLinks(self._connection)
        self.similarity = Similarity(self._connection)
        self.sessions = Sessions(self._connection)
        self.tags = Tags(self._connection)
        self.tasks = Tasks(self._connection)
        self.taught_tags = TaughtTags(self._connection)
        self.tray = Tray(self._connection)
        self.uploads = Uploads(self._connection)
        self.usage = Usage(self._connection)
        self.webhooks = Webhooks(self._connection)

    @property
    def credentials(self) -> Credentials:
        """The address and the tokens in use."""
        return self._connection.credentials

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._connection.http.close()
