"""Which library runs the networks, and on which device."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from typing import Literal

from kit.inference.errors import DeviceMissing

Library = Literal["ctranslate2", "openai"]
_TORCH = ("torch", "openai-whisper")


def installed(package: str) -> bool:
    """Return whether a distribution is installed, without importing anything of it."""
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
    """Return the library, the device, and why that is not the device that was chosen.

    Parameters
    ----------
    prefer
        `ctranslate2`, `openai`, or `auto`: CTranslate2, unless there is a GPU that only PyTorch
        can use.
    device
        `cpu` or `cuda`.
    gpus
        Tells how many GPUs CTranslate2 can use; only asked when there is one.
    has
        Tells whether a package is installed.

    Raises
    ------
    kit.inference.errors.DeviceMissing
        PyTorch is asked for and is not here, or the name is unknown.
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
