"""Read the official files of HTDemucs without executing code in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kit.weights.checkpoints import CheckpointError, read_torch

CLASS = "demucs.htdemucs.HTDemucs"


@dataclass(frozen=True, slots=True)
class DemucsCheckpoint:
    """The weights of a network, and its constructor arguments."""

    tensors: Mapping[str, NDArray[Any]]
    choices: Mapping[str, Any]
    """Arguments of its class by name, `sources` among them."""


def read_checkpoint(path: Path) -> DemucsCheckpoint:
    """Read one official file.

    Raises
    ------
    kit.weights.checkpoints.CheckpointError
        The file is damaged, needs forbidden classes, or is of another class.
    """
    contents = read_torch(path, classes={CLASS})
    klass = contents.config.get("klass")
    if f"{getattr(klass, 'module', '')}.{getattr(klass, 'name', '')}" != CLASS:
        raise CheckpointError(f"{path.name} is not a checkpoint of {CLASS}.")
    args, kwargs = contents.config.get("args"), contents.config.get("kwargs")
    if not isinstance(args, tuple | list) or len(args) > 1 or not isinstance(kwargs, dict):
        raise CheckpointError("The checkpoint's configuration cannot be read.")
    choices = {"sources": args[0]} | kwargs if args else dict(kwargs)
    return DemucsCheckpoint(contents.tensors, choices)
