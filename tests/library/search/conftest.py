from collections.abc import Callable

import pytest

from kit.clock import SystemClock, new_id
from services.library.saved_searches.repository import saved_queries
from services.library.search.searching import Searches
from services.library.teaching.proposals import Proposals
from tests.library.catalogue import Catalogue
from tests.library.search.crate import Crate


@pytest.fixture
def crates(catalogue: Catalogue) -> Callable[[], Crate]:
    """Makes owners who share a server."""
    searches = Searches(
        catalogue.database,
        clock=SystemClock(),
        max_bytes=1 << 28,
        at_once=4,
        vectors=catalogue.server.vectors,
        proposals=Proposals(catalogue.database, catalogue.server.vectors),
        saved=saved_queries,
    )
    return lambda: Crate(catalogue.database, searches, new_id())


@pytest.fixture
def crate(crates: Callable[[], Crate]) -> Crate:
    return crates()
