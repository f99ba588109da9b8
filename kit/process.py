"""Set up a server process before anything runs in it."""

import os
import resource

DESCRIPTORS = 1 << 16
"""Maximum file descriptors to ask for; some systems would allow a thousand times as many."""


class StartRefused(ValueError):
    """The process cannot start; the message is one line that tells the operator what to change."""


def prepare() -> None:
    """Raise the limit of file descriptors, and make new files private to the server's user.

    The default limit is low only for old programs that cannot handle more descriptors. Databases,
    files and secrets must not be readable by other users.
    """
    os.umask(0o077)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def descriptors() -> int:
    """Return the maximum number of files and connections that this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
