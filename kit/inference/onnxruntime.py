"""Networks on ONNX Runtime: NVIDIA GPUs, and every CPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from kit.arrays import Tensor
from kit.inference.base import Precision, TensorSpec, check
from kit.inference.errors import BadNetwork, DeviceMissing, DeviceOutOfMemory, InferenceError

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
# They have no common base besides Exception.
_ERRORS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
    state.EPFail,
    RuntimeError,
)
_OUT_OF_MEMORY = ("failed to allocate memory", "out of memory", "bad_alloc", "bfcarena")
_FATAL_ONLY = 4

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int16)": np.dtype(np.int16),
    "tensor(int8)": np.dtype(np.int8),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(bool)": np.dtype(np.bool_),
}


class OnnxRuntimeNetwork:
    """A graph in an ONNX Runtime session."""

    def __init__(self, path: Path, *, device: str, threads: int, precision: Precision) -> None:
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Measured on a large network: a third less memory at the same speed.
        options.enable_mem_pattern = False
        options.log_severity_level = _FATAL_ONLY
        tf32 = device == "cuda" and precision != "exact"
        providers: list[Any] = [_CPU]
        if device == "cuda":
            if _CUDA not in onnxruntime.get_available_providers():
                raise DeviceMissing(
                    "ONNX Runtime is installed here without CUDA. Install the extra `gpu` in place "
                    "of `cpu`, or set the device to cpu."
                )
            onnxruntime.preload_dlls()
            providers.insert(0, (_CUDA, {"use_tf32": "1" if tf32 else "0"}))
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except _ERRORS as error:
            _raise_if_out_of_memory(error)
            raise BadNetwork(f"{path.name} cannot be run by ONNX Runtime: {error}") from error
        if device == "cuda" and _CUDA not in session.get_providers():
            raise DeviceMissing(
                "ONNX Runtime finds no usable CUDA device. Check the driver with nvidia-smi, or "
                "set the device to cpu."
            )
        self._session: Any = session
        self.inputs = {node.name: _spec(node) for node in session.get_inputs()}
        self.outputs = {node.name: _spec(node) for node in session.get_outputs()}
        self.engine = f"onnxruntime {onnxruntime.__version__} {device}"
        self.precision: Precision = precision if tf32 else "exact"

    def run(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the graph."""
        check(self.inputs, arrays)
        names = list(self.outputs)
        try:
            results = self._session.run(names, dict(arrays))
        except _ERRORS as error:
            _raise_if_out_of_memory(error)
            raise InferenceError(f"The network failed: {error}") from error
        return dict(zip(names, results, strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None


def _spec(node: Any) -> TensorSpec:
    # A dimension of any length is a name or None.
    shape = tuple(n if isinstance(n, int) else None for n in node.shape)
    return TensorSpec(shape, _DTYPES[node.type])


def _raise_if_out_of_memory(error: Exception) -> None:
    text = str(error).lower()
    if any(sign in text for sign in _OUT_OF_MEMORY):
        raise DeviceOutOfMemory(
            "The device has too little memory for this network at this size."
        ) from error
