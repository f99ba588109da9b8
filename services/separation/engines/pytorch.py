"""HTDemucs on PyTorch: the network of the package `demucs`, filled from the official file.

Only what lies inside a segment runs here; segments, overlap and streaming are those of every
engine. The file is read by our own reader, so nothing in it is run.
"""

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from demucs.htdemucs import HTDemucs

from kit.arrays import F32
from kit.inference.errors import DeviceMissing
from kit.worker.outcomes import OutOfMemory
from services.separation.dsp import triangle
from services.separation.networks.checkpoint import Checkpoint, read_checkpoint
from services.separation.streaming import Plan

Precision = Literal["exact", "balanced", "fast"]
SEGMENT_BYTES = 700 << 20
"""What one more segment of the official networks may take while they run: twice what the README's
table shows for a CPU, since a GPU's convolutions want room to work in."""
MOST = 8
"""Segments taken together at most: more gain nothing, and previews would come late."""


def batch_for(free: int, *, share: float) -> int:
    """Return how many segments to take together.

    Parameters
    ----------
    free
        Bytes of the device that nobody uses.
    share
        1, or less after memory ran out.
    """
    fitting = max(1, min(MOST, int(0.8 * free) // SEGMENT_BYTES))
    return max(1, int(fitting * share))


def build(checkpoint: Checkpoint) -> Any:
    """Return the package's own network, filled and ready to run."""
    known = inspect.signature(HTDemucs).parameters
    # Files name choices that concern training, and have since been dropped, besides.
    network = HTDemucs(**{name: v for name, v in checkpoint.choices.items() if name in known})
    state = {
        name: torch.from_numpy(np.array(array, np.float32))
        for name, array in checkpoint.tensors.items()
    }
    network.load_state_dict(state)
    return network.eval()


class TorchSeparator:
    """Stems by one network, or by a bag with one for each stem.

    Parameters
    ----------
    networks
        As `build` returns them.
    device
        Where they run.
    precision
        What is asked for; TensorFloat-32, on GPUs alone, is what can be given up. Of matrices alone
        it errs less than bfloat16 there, with which `balanced` was measured.
    batch
        Segments to take together.
    """

    rate = 44_100
    lead = 0
    centred = True

    def __init__(
        self, networks: Sequence[Any], *, device: str, precision: Precision, batch: int
    ) -> None:
        first = networks[0]
        self.sources = len(first.sources)
        self.segment = int(first.segment * first.samplerate)
        if len(networks) not in (1, self.sources):
            raise ValueError("the networks of a bag must give as many stems as there are of them")
        self.batch = batch
        self.device = device
        self.precision: Precision = precision if device == "cuda" else "exact"
        self.engine = f"torch {version('torch')} {device}, demucs {version('demucs')}"
        torch.backends.cuda.matmul.fp32_precision = "ieee" if precision == "exact" else "tf32"
        torch.backends.cudnn.conv.fp32_precision = "tf32" if precision == "fast" else "ieee"
        self._networks: list[Any] = [network.to(device) for network in networks]

    def plan(self, overlap: float) -> Plan:
        """Return segments that fade into each other linearly."""
        return Plan(int((1 - overlap) * self.segment), triangle(self.segment))

    def run(self, windows: F32) -> F32:
        """Return the stems of segments: (n, 2, segment) to (n, sources, 2, segment).

        Raises
        ------
        kit.worker.outcomes.OutOfMemory
            The device is too small for so many segments.
        """
        return memory_watched(lambda: self._separate(windows))

    def _separate(self, windows: F32) -> F32:
        with torch.inference_mode():
            given = torch.from_numpy(windows).to(self.device)
            if len(self._networks) == 1:
                made = self._networks[0](given)
            else:
                own = [network(given)[:, k] for k, network in enumerate(self._networks)]
                made = torch.stack(own, dim=1)
            stems: F32 = made.cpu().numpy()
        return stems

    def close(self) -> None:
        """Let go of the networks and their memory."""
        self._networks = []
        if self.device == "cuda":
            torch.cuda.empty_cache()


def memory_watched(work: Callable[[], F32]) -> F32:
    """Return what some work gives, and name the end of a device's memory for what it is."""
    try:
        return work()
    except RuntimeError as error:
        # On a CPU it is told in words alone.
        told = isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
        if not told:
            raise
        raise OutOfMemory(
            "device_memory", "The device has too little memory for so many segments together."
        ) from error


def open_checkpoints(
    paths: Sequence[Path], *, device: str, threads: int, precision: Precision, share: float
) -> TorchSeparator:
    """Return the separator of one official file, or of a bag's.

    Raises
    ------
    kit.inference.errors.DeviceMissing
        PyTorch finds no GPU.
    kit.weights.checkpoints.CheckpointError
        A file is damaged or is not Demucs'.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissing(
            "PyTorch finds no usable CUDA device. Check the driver with nvidia-smi, or set the "
            "device to cpu."
        )
    torch.set_num_threads(threads)
    networks = [build(read_checkpoint(path)) for path in paths]
    opened = TorchSeparator(networks, device=device, precision=precision, batch=1)
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        opened.batch = batch_for(free, share=share)
    return opened
