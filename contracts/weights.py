"""Weights of networks, as workers report them."""

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Message


class ModelWeights(Message):
    """Weights of one network, as the manifest of a worker's service lists them."""

    name: Annotated[str, StringConstraints(max_length=100)]
    version: Annotated[str, StringConstraints(max_length=100)]
    licence: Annotated[str, StringConstraints(max_length=200)]
    """An SPDX expression."""
    source: Annotated[str, StringConstraints(max_length=500)]
    """Where the first file is fetched from."""
    bytes: Annotated[int, Field(ge=0)]
    """Size of all files before a conversion."""
    default: bool
    """Whether the service needs them to be ready."""
    installed: bool
    """Whether the worker has them."""
