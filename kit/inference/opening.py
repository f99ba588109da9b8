"""Which engine runs a graph, and how it is loaded there."""

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
        Where it runs. There is no silent fallback from `cuda` to `cpu`.
    threads
        Threads of one run on a CPU.
    engine
        `auto` is OpenVINO on x86 CPUs where it is installed, else ONNX Runtime.
    precision
        What may be given up for speed.
    cache
        A folder in which OpenVINO keeps compiled graphs; it makes the next start faster.

    Raises
    ------
    DeviceMissing
        The device or the engine is not on this machine.
    BadNetwork
        The file is not there or cannot be run by this engine.
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
        # OpenVINO's conversion tools, which are never used here, would report their use if this
        # package were installed; its absence is made certain before they are imported.
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
