"""What the library's routes work with."""

from dataclasses import dataclass
from typing import Annotated

from contracts.identity import Principal, Scope
from kit.auth.dependencies import require
from kit.bus.base import Bus
from kit.database.engine import Database
from kit.http.app import REFUSALS
from kit.objects.base import ObjectStore
from services.library.actors import act_for, act_for_administrator
from services.library.catalogue.search_limits import Turns
from services.library.catalogue.uploads import Uploads
from services.library.deletions.deletions import Deletions
from services.library.imports.lookups import Lookups
from services.library.jobs.policy import Policy
from services.library.recommendations.lists import RecommendationLists
from services.library.search.searching import Searches
from services.library.settings import LibrarySettings
from services.library.similarity.sound_vectors import SoundVectors
from services.library.teaching.teaching import Teaching
from services.library.webhooks.testing import WebhookTests

Reader = Annotated[Principal, require(Scope.READ, admit=act_for)]
"""A caller who may look."""
Writer = Annotated[Principal, require(Scope.WRITE, admit=act_for)]
"""A caller who may add, change and delete."""
Runner = Annotated[Principal, require(Scope.JOBS, admit=act_for)]
"""A caller who may have work done."""
Admin = Annotated[Principal, require(Scope.ADMIN, admit=act_for_administrator)]
"""A caller with an administrator's session."""

REFUSED = REFUSALS | {
    409: {
        **REFUSALS[404],
        "description": "Conflict: the resource is in another state, or exists already.",
    },
    410: {**REFUSALS[404], "description": "Gone: it existed and was removed."},
    413: {
        **REFUSALS[404],
        "description": "The body is too large, or the storage quota is used up.",
    },
    507: {**REFUSALS[404], "description": "The storage is full."},
}
"""Refusals that operations of the catalogue may answer, for OpenAPI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is shared by all routes."""

    database: Database
    bus: Bus
    objects: ObjectStore
    policy: Policy
    settings: LibrarySettings
    uploads: Uploads
    deletions: Deletions
    searches: Searches
    lookups: Lookups
    item_searches: Turns
    """Turns of `GET /items` with words to search for: at most half of the connections, as every
    other request uses the rest."""
    vectors: SoundVectors
    teaching: Teaching
    recommendations: RecommendationLists
    webhooks: WebhookTests
