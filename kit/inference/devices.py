"""Which device an engine runs on: decided once, before any engine is imported."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_NVIDIA = Path("/dev/nvidiactl")
_GPU_PACKAGES = ("onnxruntime-gpu", "torch")


class NoSuchDevice(ValueError):
    """The device that was asked for is not there; the message says what to do."""


def available_device(wanted: str) -> str:
    """Return `cpu` or `cuda` for `cpu`, `cuda` or `auto`.

    `auto` takes the GPU where its driver and a package that uses it are both there. Nothing heavy
    is imported to find out.

    Raises
    ------
    NoSuchDevice
        `cuda` was asked for and cannot be had, or the name is unknown.
    """
    if wanted == "cpu":
        return "cpu"
    if wanted not in ("cuda", "auto"):
        raise NoSuchDevice(f"there is no device {wanted!r}; use cpu, cuda or auto")
    lacking = _lacking()
    if lacking is None:
        return "cuda"
    if wanted == "cuda":
        raise NoSuchDevice(f"the device cuda cannot be used: {lacking}")
    return "cpu"


def _lacking() -> str | None:
    """Return why CUDA cannot be used, or `None`."""
    if not _NVIDIA.exists():
        return "no NVIDIA driver is loaded on this machine; use cpu or auto"
    for name in _GPU_PACKAGES:
        try:
            distribution(name)
        except PackageNotFoundError:
            continue
        return None
    return "install the extra `gpu` instead of `cpu`, which brings onnxruntime-gpu"
