"""The system suite again, over real servers, every service its own process."""

import pytest

from tests.system.test_song import *  # noqa: F403

pytestmark = [pytest.mark.cluster]
