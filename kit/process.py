"""What a process of the server is like, before anything runs in it."""

import os
import resource

DESCRIPTORS = 1 << 16
"""So many files and connections are enough; some systems would give a thousand times as many."""


class StartRefused(ValueError):
    """The process cannot start, for a reason that whoever starts it can mend: one plain line."""


def prepare() -> None:
    """Take the descriptors that the system would give, and keep what is written to oneself.

    Systems begin with a low number of descriptors only for the sake of programs that cannot use
    more. Databases, files and secrets are for the user alone that runs the server.
    """
    os.umask(0o077)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def descriptors() -> int:
    """Return how many files and connections this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
