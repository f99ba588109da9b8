"""Choice of the engine that runs Demucs' networks, and of their files."""

from collections.abc import Callable
from pathlib import Path

from kit.inference.devices import installed
from kit.inference.errors import BadNetwork, DeviceMissing
from kit.weights.manifest import WeightsManifest
from kit.weights.store import digest
from kit.worker.engines import EngineContext

FETCH = "python -m kit.weights fetch separation --all"
MANIFEST = Path(__file__).with_name("weights.toml")


def takes_torch(prefer: str, device: str, has: Callable[[str], bool] = installed) -> bool:
    """Return whether Demucs' networks run on PyTorch.

    Parameters
    ----------
    prefer
        `onnx`, `torch`, or `auto`: PyTorch only for a GPU that ONNX Runtime cannot use here.
    device
        `cpu` or `cuda`.
    has
        Returns whether a package is installed.

    Raises
    ------
    kit.inference.errors.DeviceMissing
        PyTorch is requested but not installed, or the name is unknown.
    """
    there = has("torch") and has("demucs")
    match prefer:
        case "onnx":
            return False
        case "torch" if there:
            return True
        case "torch":
            raise DeviceMissing(
                "SEPARATION_ENGINE is torch, but torch or demucs is not installed. Install the "
                "extra `torch`, or set it to auto."
            )
        case "auto":
            return device == "cuda" and there and not has("onnxruntime-gpu")
    raise DeviceMissing(f"SEPARATION_ENGINE is {prefer!r}; use auto, onnx or torch.")


def official_file(graph: Path, manifest: WeightsManifest) -> Path:
    """Return the verified official file that a graph was converted from.

    Raises
    ------
    kit.inference.errors.BadNetwork
        The file is missing, or its digest is not that of the manifest.
    """
    (entry,) = (
        entry
        for entry in manifest.weights
        if entry.conversion and entry.conversion.file == graph.name
    )
    path = graph.parents[1] / entry.parts[0].file
    if not path.is_file() or digest(path) != entry.parts[0].sha256:
        raise BadNetwork(
            f"PyTorch reads the official file {path}, which is missing or damaged. Remove its "
            f"folder, and fetch it again with: {FETCH}"
        )
    return path


def note_of(context: EngineContext, *, on_torch: bool) -> str:
    """Return the result's note on earlier lack of memory (R20); empty if there was none."""
    if context.fallback:
        return "The GPU's memory ran out, so the CPU took over."
    if context.segment < 1:
        less = " with fewer segments at once" if on_torch else ""
        return f"The device's memory ran out at first, so this is another try{less}."
    return ""
