"""One embedded house for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.house import House, embedded_house, running


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(embedded_house(tmp_path_factory.mktemp("house"))) as house:
        # Whoever comes first administers the server.
        house.administrator = house.user("administrator")
        yield house
