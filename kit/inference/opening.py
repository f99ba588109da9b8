"""Load ONNX graphs with the best available engine."""

import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from kit.inference.base import Device, EngineName, Network, Precision
from kit.inference.errors import BadNetwork, DeviceMissing


def open_network(
    path: Path,
    *,
    device: Device = "cpu",
    threads: int = 1,
    engine: EngineName = "auto",
    precision: Precision = "exact",
    cache: Path | None = None,
) -> Network:
    """Load an ONNX graph.

    Parameters
    ----------
    path
        The `.onnx` file.
    device
        The device; there is no silent fallback from `cuda` to `cpu`.
    threads
        Threads of a run on a CPU.
    engine
        `auto` is OpenVINO on x86 CPUs if it is installed, else ONNX Runtime.
    precision
        How much precision may be traded for speed.
    cache
        A folder for OpenVINO's compiled graphs, which make the next start faster.

    Raises
    ------
    DeviceMissing
        The device or the engine is not on this machine.
    BadNetwork
        The file is missing or the engine cannot run it.
    """
    if not path.is_file():
        raise BadNetwork(f"There is no network at {path}.")
    if threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    chosen = _choose(device) if engine == "auto" else engine
    if find_spec(chosen) is None:
        raise DeviceMissing(
            f"{chosen} is not installed. Install the extra `cpu`, or `gpu` for CUDA devices."
        )
    if chosen == "openvino":
        if device != "cpu":
            raise DeviceMissing("OpenVINO runs networks on CPUs only here; use onnxruntime.")
        # If this package is installed, OpenVINO's conversion tools report usage over the network.
        # They are not used here; None makes every import of it fail.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        from kit.inference.openvino import OpenVinoNetwork

        return OpenVinoNetwork(path, threads=threads, precision=precision, cache=cache)
    from kit.inference.onnxruntime import OnnxRuntimeNetwork

    return OnnxRuntimeNetwork(path, device=device, threads=threads, precision=precision)


def _choose(device: Device) -> Literal["onnxruntime", "openvino"]:
    x86 = platform.machine() in ("x86_64", "AMD64")
    if device == "cpu" and x86 and find_spec("openvino") is not None:
        return "openvino"
    return "onnxruntime"
