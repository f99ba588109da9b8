"""Choose the device of an engine, once and before any engine is imported."""

from collections.abc import Callable, Collection
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

DRIVER = Path("/dev/nvidiactl")
ONNX_RUNTIME = ("onnxruntime-gpu",)


class NoSuchDevice(ValueError):
    """The requested device is not available; the message says what to do."""


def installed(package: str) -> bool:
    """Return whether a distribution is installed, without importing it."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def available_device(
    setting: str,
    packages: Collection[str] = ONNX_RUNTIME,
    *,
    driver: Path = DRIVER,
    has: Callable[[str], bool] = installed,
) -> str:
    """Resolve a device setting to `cpu` or `cuda`.

    `auto` selects the GPU if its driver is loaded and a package that uses it is installed. The
    check imports no engine.

    Parameters
    ----------
    setting
        `cpu`, `cuda` or `auto`.
    packages
        Packages of which any one lets the service use a GPU.
    driver
        A path that exists if NVIDIA's driver is loaded.
    has
        Returns whether a package is installed.

    Raises
    ------
    NoSuchDevice
        The setting is `cuda` and no GPU is usable, or it is unknown.
    """
    if setting == "cpu":
        return "cpu"
    if setting not in ("cuda", "auto"):
        raise NoSuchDevice(f"there is no device {setting!r}; use cpu, cuda or auto")
    lacking = ""
    if not driver.exists():
        lacking = "no NVIDIA driver is loaded on this machine; use cpu or auto"
    elif not any(has(package) for package in packages):
        lacking = f"none of {', '.join(packages)} is installed; see the extras `gpu` and `torch`"
    if not lacking:
        return "cuda"
    if setting == "cuda":
        raise NoSuchDevice(f"the device cuda cannot be used: {lacking}")
    return "cpu"
