"""Choice of the library that runs the networks, and of the device."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from typing import Literal

from kit.inference.errors import DeviceMissing

Library = Literal["ctranslate2", "openai"]
_TORCH = ("torch", "openai-whisper")


def installed(package: str) -> bool:
    """Return whether a distribution is installed, without importing it."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def choose(
    prefer: str,
    device: str,
    *,
    gpus: Callable[[], int],
    has: Callable[[str], bool] = installed,
) -> tuple[Library, str, str]:
    """Choose library and device; the third value is the reason for another device, or empty.

    Parameters
    ----------
    prefer
        `ctranslate2`, `openai`, or `auto`: CTranslate2, unless there is a GPU that only PyTorch
        can use.
    device
        `cpu` or `cuda`.
    gpus
        Returns the number of GPUs that CTranslate2 can use; only called for `cuda`.
    has
        Returns whether a package is installed.

    Raises
    ------
    kit.inference.errors.DeviceMissing
        PyTorch is requested but not installed, or the name is unknown.
    """
    if prefer not in ("auto", "ctranslate2", "openai"):
        raise DeviceMissing(f"TRANSCRIBE_ENGINE is {prefer!r}; use auto, ctranslate2 or openai.")
    there = all(has(package) for package in _TORCH)
    if prefer == "openai":
        if not there:
            raise DeviceMissing(
                "TRANSCRIBE_ENGINE is openai, but torch or openai-whisper is not installed. "
                "Install both into the service's environment, or set it to auto."
            )
        return "openai", device, ""
    if device != "cuda" or gpus():
        return "ctranslate2", device, ""
    if prefer == "auto" and there:
        return "openai", "cuda", ""
    return "ctranslate2", "cpu", "CTranslate2 finds no GPU that it can use"
