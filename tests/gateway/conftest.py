"""A gateway for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.gateway_harness import GatewayHarness, open_gateway
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["harness", "postgres_server", "postgres_url"]


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[GatewayHarness]:
    async with open_gateway(tmp_path) as harness:
        yield harness
