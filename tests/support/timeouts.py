"""When a wait is given up.

A wait ends with what it waits for, however busy the machine is. These limits, far beyond what
anything takes, only end what hangs.
"""

from contracts.music import Seconds

HANGS: Seconds = 600.0
"""What has not come about after this long does not come about any more."""
TEST_HANGS: Seconds = 3600.0
"""A test on real servers that is not over after this long hangs; it may wait many times."""
