"""The `Network` protocol that every inference engine implements."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from kit.arrays import Tensor
from kit.inference.errors import BadInput

Device = Literal["cpu", "cuda"]
EngineName = Literal["auto", "onnxruntime", "openvino"]
Precision = Literal["exact", "balanced", "fast"]
"""`exact` uses float32; `balanced` multiplies matrices in bfloat16; `fast` uses bfloat16 wherever
it can (TF32 on CUDA). A machine that is not faster with it uses a more exact precision."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape and data type of an array; `None` in the shape allows any length."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    def takes(self, array: Tensor) -> bool:
        """Return whether an array has this shape and data type."""
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
    """A loaded graph."""

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """Inputs by name."""
        ...

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """Outputs by name."""
        ...

    @property
    def engine(self) -> str:
        """Engine, version and device, as results record them: `openvino 2026.4.1 cpu`."""
        ...

    @property
    def precision(self) -> Precision:
        """The precision in use, which may be more exact than the requested one."""
        ...

    def run(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the graph and return its outputs by name.

        Raises
        ------
        BadInput
            The names, types or shapes do not match `inputs`.
        DeviceOutOfMemory
            The device has too little memory for these arrays.
        """
        ...

    def close(self) -> None:
        """Free the graph and its memory; `run` must not be called again."""
        ...


def check(inputs: Mapping[str, TensorSpec], arrays: Mapping[str, Tensor]) -> None:
    """Raise `BadInput` unless the arrays match a graph's inputs."""
    if arrays.keys() != inputs.keys():
        raise BadInput(
            f"The network takes {', '.join(sorted(inputs))}, not {', '.join(sorted(arrays))}."
        )
    for name, spec in inputs.items():
        if not spec.takes(arrays[name]):
            actual = TensorSpec(arrays[name].shape, arrays[name].dtype)
            raise BadInput(f"Input {name} must be {spec}, not {actual}.")
