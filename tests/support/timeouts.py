"""Timeouts that end a test which hangs.

A test waits for events, however busy the machine is. These limits are far longer than any such wait
takes.
"""

from contracts.music import Seconds

HANG_TIMEOUT: Seconds = 600.0
"""Longest wait for one event."""
CLUSTER_TEST_TIMEOUT: Seconds = 3600.0
"""Longest run of one test on real servers; it may wait many times."""
