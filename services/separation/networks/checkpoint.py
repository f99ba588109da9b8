"""The official files of HTDemucs, read without running anything of theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kit.weights.checkpoints import CheckpointError, read_torch

CLASS = "demucs.htdemucs.HTDemucs"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The arrays of a network, and what it was made with."""

    tensors: Mapping[str, NDArray[Any]]
    choices: Mapping[str, Any]
    """Arguments of its class by name, `sources` among them."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one official file.

    Raises
    ------
    kit.weights.checkpoints.CheckpointError
        The file is damaged, asks for what is not allowed, or is of another class.
    """
    found = read_torch(path, classes={CLASS})
    klass = found.config.get("klass")
    if f"{getattr(klass, 'module', '')}.{getattr(klass, 'name', '')}" != CLASS:
        raise CheckpointError(f"{path.name} is not a checkpoint of {CLASS}.")
    args, kwargs = found.config.get("args"), found.config.get("kwargs")
    if not isinstance(args, tuple | list) or len(args) > 1 or not isinstance(kwargs, dict):
        raise CheckpointError("The checkpoint's configuration cannot be read.")
    choices = {"sources": args[0]} | kwargs if args else dict(kwargs)
    return Checkpoint(found.tensors, choices)
