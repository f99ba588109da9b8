"""The whole chain again, over real servers, every service its own process.

It comes after the kills, whose house has the servers' topics to itself.
"""

import pytest

from tests.system.test_full import *  # noqa: F403

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
