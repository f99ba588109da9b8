"""Which device an engine runs on: decided once, before any engine is imported."""

from collections.abc import Callable, Collection
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

DRIVER = Path("/dev/nvidiactl")
ONNX_RUNTIME = ("onnxruntime-gpu",)


class NoSuchDevice(ValueError):
    """The device that was asked for is not there; the message says what to do."""


def installed(package: str) -> bool:
    """Return whether a distribution is installed, without importing anything of it."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def available_device(
    wanted: str,
    packages: Collection[str] = ONNX_RUNTIME,
    *,
    driver: Path = DRIVER,
    has: Callable[[str], bool] = installed,
) -> str:
    """Return `cpu` or `cuda` for `cpu`, `cuda` or `auto`.

    `auto` takes the GPU where its driver and a package that uses it are both there. Nothing heavy
    is imported to find out.

    Parameters
    ----------
    wanted
        What the settings say.
    packages
        Those of which any one lets this service use a GPU.
    driver
        What is there where NVIDIA's driver is loaded.
    has
        Tells whether a package is installed.

    Raises
    ------
    NoSuchDevice
        `cuda` was asked for and cannot be had, or the name is unknown.
    """
    if wanted == "cpu":
        return "cpu"
    if wanted not in ("cuda", "auto"):
        raise NoSuchDevice(f"there is no device {wanted!r}; use cpu, cuda or auto")
    lacking = ""
    if not driver.exists():
        lacking = "no NVIDIA driver is loaded on this machine; use cpu or auto"
    elif not any(has(package) for package in packages):
        lacking = f"none of {', '.join(packages)} is installed; see the extras `gpu` and `torch`"
    if not lacking:
        return "cuda"
    if wanted == "cuda":
        raise NoSuchDevice(f"the device cuda cannot be used: {lacking}")
    return "cpu"
