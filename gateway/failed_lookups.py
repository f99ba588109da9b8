"""What the secrets of strangers may cost: each that is not known is looked up once at most.

Keys, refresh tokens and tickets are made here at random, so one that is not known, or has ended,
will never be good. A digest that was refused is remembered and not looked up again, and one
address causes only so many lookups that find nothing. A secret that was good before is always
looked up: nobody is kept out by what others behind the same address send.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from gateway.limits import Limits
from kit.auth.tokens import BadToken, Expired

Value = TypeVar("Value")

REMEMBERED = 20_000
"""Digests that are remembered, of the good and of the refused each."""


class FailedLookups:
    """Guards the lookups of secrets by their digests, in one gateway process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._good: OrderedDict[str, None] = OrderedDict()
        self._refused: OrderedDict[str, type[Exception]] = OrderedDict()

    @contextmanager
    def looking(self, sha256: str, *, ours: bool = False) -> Iterator[None]:
        """Guard a lookup that raises `BadToken` or `Expired` for what is refused for ever.

        Parameters
        ----------
        sha256
            What is looked up.
        ours
            It was signed here, so it is no stranger's guess and is not counted.

        Raises
        ------
        BadToken, Expired
            It was refused before.
        ProblemError
            Too many lookups from this address found nothing.
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
            # Whether it is good was not found out.
            give_back()
            raise
        give_back()
        self.good(sha256)

    def good(self, sha256: str) -> None:
        """Take note of a secret that is good."""
        _remember(self._good, sha256, None)


def _nothing() -> None:
    """Give back nothing, where nothing was taken."""


def _remember(names: OrderedDict[str, Value], name: str, value: Value) -> None:
    names[name] = value
    names.move_to_end(name)
    if len(names) > REMEMBERED:
        names.popitem(last=False)
