"""The whole chain again, over real servers, every service its own process.

It comes after the kills, whose server has the servers' topics to itself.
"""

import pytest

from tests.system.test_full import *  # noqa: F403

if not SUNG.is_file():  # noqa: F405
    # The recordings are no part of this repository; nothing is skipped on real servers.
    del test_a_real_song_goes_through_the_command_line  # noqa: F821

pytestmark = [pytest.mark.cluster]
