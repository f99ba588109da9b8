"""All tables of the library, for whoever writes or checks migrations."""

from services.library.catalogue import tables as catalogue
from services.library.collections import tables as collections
from services.library.corrections import tables as corrections
from services.library.estimates import tables as estimates
from services.library.events import tables as events
from services.library.idempotency import IdempotencyRow
from services.library.imports import tables as imports
from services.library.jobs import tables as jobs
from services.library.maps import tables as maps
from services.library.metadata import METADATA
from services.library.pipelines import tables as pipelines
from services.library.query_sounds import tables as query_sounds
from services.library.recommendations import tables as recommendations
from services.library.saved_searches import tables as saved_searches
from services.library.search import tables as search
from services.library.similarity import tables as similarity
from services.library.tags import tables as tags
from services.library.teaching import tables as teaching
from services.library.usage import UsageRow
from services.library.webhooks import tables as webhooks

__all__ = [
    "METADATA",
    "IdempotencyRow",
    "UsageRow",
    "catalogue",
    "collections",
    "corrections",
    "estimates",
    "events",
    "imports",
    "jobs",
    "maps",
    "pipelines",
    "query_sounds",
    "recommendations",
    "saved_searches",
    "search",
    "similarity",
    "tags",
    "teaching",
    "webhooks",
]
