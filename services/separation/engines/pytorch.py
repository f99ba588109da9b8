"""HTDemucs on PyTorch: the network of the package `demucs` with the official weights.

Only single segments run here; segmentation, overlap and streaming are shared by all engines. This
project's own reader reads the file, so no code in it is executed.
"""

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from demucs.htdemucs import HTDemucs

from kit.arrays import F32
from kit.inference.base import Precision
from kit.inference.errors import DeviceMissing
from kit.worker.outcomes import OutOfMemory
from services.separation.dsp import triangle
from services.separation.networks.checkpoint import DemucsCheckpoint, read_checkpoint
from services.separation.streaming import Plan

SEGMENT_BYTES = 700 << 20
"""Memory of one more segment of the official networks: twice the CPU figure in the README's table,
because a GPU's convolutions need workspace."""
MAX_BATCH = 8
"""Maximum segments in a batch: more is no faster, and delays previews."""


def batch_for(free: int, *, share: float) -> int:
    """Return the batch size in segments.

    Parameters
    ----------
    free
        Free memory of the device in bytes.
    share
        1, or less after memory ran out.
    """
    fitting = max(1, min(MAX_BATCH, int(0.8 * free) // SEGMENT_BYTES))
    return max(1, int(fitting * share))


def build(checkpoint: DemucsCheckpoint) -> Any:
    """Return the package's own network with loaded weights, in evaluation mode."""
    known = inspect.signature(HTDemucs).parameters
    # Files also name training options that the package has dropped since.
    network = HTDemucs(**{name: v for name, v in checkpoint.choices.items() if name in known})
    state = {
        name: torch.from_numpy(np.array(array, np.float32))
        for name, array in checkpoint.tensors.items()
    }
    network.load_state_dict(state)
    return network.eval()


class TorchSeparator:
    """Separates with one network, or with a bag of one for each stem.

    Parameters
    ----------
    networks
        As `build` returns them.
    device
        Device of the networks.
    precision
        Only has an effect on GPUs: `balanced` uses TensorFloat-32 for matrix products, whose error
        is below that of the bfloat16 with which `balanced` was measured; `fast` for convolutions
        too.
    batch
        Segments in a batch.
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
        """Return a plan with triangular weights, which cross-fade linearly."""
        return Plan(int((1 - overlap) * self.segment), triangle(self.segment))

    def run(self, windows: F32) -> F32:
        """Return the stems of segments: (n, 2, segment) to (n, sources, 2, segment).

        Raises
        ------
        kit.worker.outcomes.OutOfMemory
            The device has too little memory for the batch.
        """
        return memory_watched(lambda: self._separate(windows))

    def _separate(self, windows: F32) -> F32:
        with torch.inference_mode():
            inputs = torch.from_numpy(windows).to(self.device)
            if len(self._networks) == 1:
                outputs = self._networks[0](inputs)
            else:
                own = [network(inputs)[:, k] for k, network in enumerate(self._networks)]
                outputs = torch.stack(own, dim=1)
            stems: F32 = outputs.cpu().numpy()
        return stems

    def close(self) -> None:
        """Release the networks and their memory."""
        self._networks = []
        if self.device == "cuda":
            torch.cuda.empty_cache()


def memory_watched(work: Callable[[], F32]) -> F32:
    """Run `work`; translate out-of-memory errors to `OutOfMemory`."""
    try:
        return work()
    except RuntimeError as error:
        # On a CPU only the message identifies it.
        out_of_memory = isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
        if not out_of_memory:
            raise
        raise OutOfMemory(
            "device_memory", "The device has too little memory for this batch of segments."
        ) from error


def open_checkpoints(
    paths: Sequence[Path], *, device: str, threads: int, precision: Precision, share: float
) -> TorchSeparator:
    """Load the separator of one official file, or of a bag of files.

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
