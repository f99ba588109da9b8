"""A crate of thousands of sounds by the command line, on the real servers."""

from pathlib import Path

import pytest

from benchmarks.crate import WORKERS, use
from tests.support.running_server import cluster_server, running

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

SOUNDS = 2_000


def test_a_crate_is_searched_taught_deduplicated_and_mapped(
    servers: dict[str, str], tmp_path: Path
) -> None:
    with running(cluster_server(tmp_path, servers, words=WORKERS)) as server:
        library = servers["LIBRARY_DATABASE_URL"]
        assert use(server, library, tmp_path, SOUNDS, each=1).wrong == []
