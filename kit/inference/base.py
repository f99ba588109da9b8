"""What a network is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from kit.arrays import Tensor
from kit.inference.errors import BadInput

Device = Literal["cpu", "cuda"]
EngineName = Literal["auto", "onnxruntime", "openvino"]
Precision = Literal["exact", "balanced", "fast"]
"""`exact` keeps to float32; `balanced` multiplies matrices in bfloat16; `fast` does all it can in
bfloat16 (TF32 on CUDA). A machine that gains nothing from it runs more exactly than asked."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and type of an array; `None` in the shape is any length."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def takes(self, array: Tensor) -> bool:
        """Return whether an array is of this shape and type."""
        return (
            array.dtype == self.dtype
            and array.ndim == len(self.shape)
            and all(
                want in (None, have) for want, have in zip(self.shape, array.shape, strict=True)
            )
        )

    def __str__(self) -> str:
        return f"{self.dtype.name}[{', '.join('?' if n is None else str(n) for n in self.shape)}]"


class Network(Protocol):
    """A graph that is loaded and ready."""

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """What it takes, by name."""
        ...

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """What it gives, by name."""
        ...

    @property
    def engine(self) -> str:
        """Engine, its version and the device, for results: `openvino 2026.4.1 cpu`."""
        ...

    @property
    def precision(self) -> Precision:
        """The precision in force, which may be better than the one asked for."""
        ...

    def run(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the graph.

        Raises
        ------
        BadInput
            The names, types or shapes are not those of `inputs`.
        DeviceOutOfMemory
            The device has too little memory for these arrays.
        """
        ...

    def close(self) -> None:
        """Let go of the graph and its memory; `run` must not be called again."""
        ...


def check(inputs: Mapping[str, TensorSpec], arrays: Mapping[str, Tensor]) -> None:
    """Raise `BadInput` unless the arrays are those that a graph takes."""
    if arrays.keys() != inputs.keys():
        raise BadInput(
            f"The network takes {', '.join(sorted(inputs))}, not {', '.join(sorted(arrays))}."
        )
    for name, spec in inputs.items():
        if not spec.takes(arrays[name]):
            given = TensorSpec(arrays[name].shape, arrays[name].dtype)
            raise BadInput(f"Input {name} must be {spec}, not {given}.")
