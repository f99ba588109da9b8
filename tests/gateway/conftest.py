"""A gateway for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.gateway_harness import World, gateway_world
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url", "world"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with gateway_world(tmp_path) as world:
        yield world
