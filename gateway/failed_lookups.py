"""Limit the cost of unknown secrets: look each of them up once at most.

The server creates keys, refresh tokens and tickets at random, so an unknown or expired one never
becomes valid. A refused digest is cached and not looked up again, and the failed lookups of one
address are limited. A secret that was valid before is always looked up, so that others behind the
same address cannot lock its owner out.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from gateway.limits import Limits
from kit.auth.tokens import BadToken, Expired

Value = TypeVar("Value")

REMEMBERED = 20_000
"""Maximum number of cached digests, of valid and of refused secrets each."""


class FailedLookups:
    """Caches the outcome of secret lookups by digest, in one gateway process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._good: OrderedDict[str, None] = OrderedDict()
        self._refused: OrderedDict[str, type[Exception]] = OrderedDict()

    @contextmanager
    def looking(self, sha256: str, *, ours: bool = False) -> Iterator[None]:
        """Guard a lookup that raises `BadToken` or `Expired` for a secret that stays invalid.

        Parameters
        ----------
        sha256
            Digest of the secret to look up.
        ours
            Whether this server signed it, so that it is no guess and does not count.

        Raises
        ------
        BadToken, Expired
            The secret was refused before.
        ProblemError
            Too many lookups from this address failed.
        """
        if (kind := self._refused.get(sha256)) is not None:
            self._refused.move_to_end(sha256)
            raise kind("refused before")
        counted = not ours and sha256 not in self._good
        give_back = self._limits.lookup() if counted else _nothing
        try:
            yield
        except (BadToken, Expired) as error:
            self._good.pop(sha256, None)
            _remember(self._refused, sha256, type(error))
            raise
        except BaseException:
            # The lookup itself failed, so it is unknown whether the secret is valid.
            give_back()
            raise
        give_back()
        self.good(sha256)

    def good(self, sha256: str) -> None:
        """Record a valid secret."""
        _remember(self._good, sha256, None)


def _nothing() -> None:
    """Do nothing: the lookup was not counted."""


def _remember(names: OrderedDict[str, Value], name: str, value: Value) -> None:
    names[name] = value
    names.move_to_end(name)
    if len(names) > REMEMBERED:
        names.popitem(last=False)
