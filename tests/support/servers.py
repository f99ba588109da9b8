"""Finds the real servers that tests marked `cluster` need."""

import os

import pytest

from deploy.servers import fleet
from deploy.servers.base import ServerError


def server_setting(name: str) -> str:
    """Return a setting such as `KIT_BUS_URL` from the environment or the checkout's servers.

    Without either the test is skipped, or fails where `CRATEDIG_CLUSTER` says that it must run.
    """
    if value := os.environ.get(name):
        return value
    try:
        return fleet.environment()[name]
    except ServerError as error:
        if os.environ.get("CRATEDIG_CLUSTER") == "required":
            pytest.fail(f"{name} is not set and no server of this checkout runs: {error}")
        pytest.skip(f"needs real servers: {error}")
