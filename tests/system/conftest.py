"""One embedded server for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.running_server import RunningServer, embedded_server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    # Receivers of webhooks are on this machine.
    extra = {"LIBRARY_WEBHOOK_ANY_ADDRESS": "true"}
    with running(embedded_server(tmp_path_factory.mktemp("server"), extra=extra)) as server:
        # Whoever comes first administers the server.
        server.administrator = server.user("administrator")
        yield server
