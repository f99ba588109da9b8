"""BeatNet's network of beats and downbeats: its features and its layers, in numpy.

M. Heydari, F. Cwitkowitz and Z. Duan, "BeatNet: CRNN and particle filtering for online joint beat,
downbeat and meter tracking", ISMIR 2021. Only the network is used, with its authors' weights; what
follows it here is dynamic programming over the whole recording.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit.arrays import F32, F64
from kit.audio.decode import resample_stream
from kit.audio.downmix import downmix
from kit.inference.lstm import LstmLayer, LstmState
from kit.signal.spectra import Framing, frames
from kit.weights.damage import CheckpointError
from kit.weights.torch_archive import read_torch

RATE = 22_050
"""Hz."""
HOP = 441
FRAME_RATE = RATE / HOP
"""Frames a second: 50."""
_SIZE = 1411
"""Samples of a frame, 64 ms; odd, so one frame is a frame of 1412 without its first sample."""
_BINS = _SIZE // 2
_PER_OCTAVE, _LOWEST, _TUNING = 24, 30.0, 440.0
BANDS = 136
_KERNEL, _CHANNELS = 10, 2
_CELLS = 150
_SHAPES = {
    "conv1.weight": (_CHANNELS, 1, _KERNEL),
    "conv1.bias": (_CHANNELS,),
    "linear0.weight": (_CELLS, 262),
    "linear0.bias": (_CELLS,),
    **{f"lstm.weight_{kind}_l{layer}": (600, _CELLS) for kind in ("ih", "hh") for layer in (0, 1)},
    **{f"lstm.bias_{kind}_l{layer}": (600,) for kind in ("ih", "hh") for layer in (0, 1)},
    "linear.weight": (3, _CELLS),
    "linear.bias": (3,),
}
_WINDOW = np.hanning(_SIZE).astype(np.float32)


def _bank() -> F32:
    """Build the filter bank, `[705, 136]`: triangles between neighbouring bins, 24 an octave.

    Where bins are wider than a band, bands fall together; each has a sum of 1. The frequencies of
    the bins are those that the original assumes, which are 0.07 % high.
    """
    frequencies = np.arange(_BINS) * RATE / (2 * _BINS)
    steps = np.arange(
        np.floor(np.log2(_LOWEST / _TUNING) * _PER_OCTAVE),
        np.ceil(np.log2(17_000.0 / _TUNING) * _PER_OCTAVE),
    )
    centres = _TUNING * 2.0 ** (steps / _PER_OCTAVE)
    centres = centres[centres >= _LOWEST]
    right = np.clip(np.searchsorted(frequencies, centres), 1, _BINS - 1)
    nearer = centres - frequencies[right - 1] < frequencies[right] - centres
    edges = np.unique(right - nearer)
    bank = np.zeros((_BINS, edges.size - 2), np.float64)
    for band in range(edges.size - 2):
        first, centre, last = edges[band : band + 3]
        if last - first < 2:
            centre, last = first, first + 1
        rise = np.linspace(0.0, 1.0, centre - first, endpoint=False)
        fall = np.linspace(1.0, 0.0, last - centre, endpoint=False)
        triangle = np.concatenate([rise, fall])
        bank[first:last, band] = triangle / triangle.sum()
    return bank.astype(np.float32)


_BANK = _bank()


@dataclass(frozen=True, slots=True)
class Activations:
    """Probabilities of beats and downbeats, by network."""

    values: F32
    """`[networks, frames, 2]`: a beat that is no downbeat, and a downbeat."""
    rate: float
    """Frames a second."""

    def beat(self, frames: int, rate: float) -> F64:
        """Return the mean probability of any beat in frames of another rate."""
        own = self.values.sum(axis=2, dtype=np.float64).mean(axis=0)
        if not own.size:
            return np.zeros(frames)
        return np.asarray(
            np.interp(np.arange(frames) / rate, np.arange(own.size) / self.rate, own), np.float64
        )


def features(blocks: Iterable[F32], sample_rate: int) -> Iterator[F32]:
    """Compute the network's input.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`, full scale 1.
    sample_rate
        In Hz.

    Yields
    ------
    F32
        Batches of `[frames, 272]` at 50 frames a second: the magnitudes of 136 bands as
        `log10(1 + x)`, and how much each rose since the frame before. Frame 0 is centred on the
        first sample.
    """
    mono = resample_stream(downmix(blocks, sample_rate), sample_rate, RATE)
    before: F32 | None = None
    for batch in frames(mono, Framing(RATE, _SIZE + 1, HOP)):
        spectra = np.abs(np.fft.rfft(batch[0, :, 1:] * _WINDOW, axis=1)[:, :_BINS])
        bands = np.log10(1.0 + spectra.astype(np.float32) @ _BANK)
        # The first frame has none before it, so that nothing rises in it.
        past = np.concatenate([bands[:1] if before is None else before, bands])
        yield np.concatenate([bands, np.maximum(0.0, np.diff(past, axis=0))], axis=1)
        before = bands[-1:]


class BeatNetworks:
    """Networks of one architecture: a convolution over bands, a dense layer and two LSTM layers.

    They run side by side, forward in time, and each holds its state from batch to batch, so that
    memory does not grow with a recording.

    Parameters
    ----------
    paths
        Checkpoints that the authors published, such as `model_1_weights.pt`.

    Raises
    ------
    CheckpointError
        A file is damaged or not such a checkpoint.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        checkpoints = [read_torch(path, state=None).tensors for path in paths]
        for path, checkpoint in zip(paths, checkpoints, strict=True):
            shapes = {name: checkpoint[name].shape for name in _SHAPES if name in checkpoint}
            if shapes != _SHAPES:
                raise CheckpointError(f"{path.name} is not a checkpoint of BeatNet.")

        def all_of(name: str) -> F32:
            return np.stack([np.asarray(tensors[name], np.float32) for tensors in checkpoints])

        self._kernels = all_of("conv1.weight").reshape(-1, _KERNEL).T
        self._kernel_biases = all_of("conv1.bias").reshape(-1)
        self._dense = all_of("linear0.weight").transpose(0, 2, 1)
        self._dense_biases = all_of("linear0.bias")[:, None]
        self._layers = [
            LstmLayer(
                all_of(f"lstm.weight_ih_l{layer}"),
                all_of(f"lstm.weight_hh_l{layer}"),
                all_of(f"lstm.bias_ih_l{layer}") + all_of(f"lstm.bias_hh_l{layer}"),
            )
            for layer in range(2)
        ]
        self._out = all_of("linear.weight").transpose(0, 2, 1)
        self._out_biases = all_of("linear.bias")[:, None]

    def run(self, batches: Iterable[F32]) -> F32:
        """Compute the probability of a beat and of a downbeat in each frame.

        Parameters
        ----------
        batches
            `[frames, 272]` each, from `features`.

        Returns
        -------
        F32
            `[networks, frames, 2]`, 0 to 1: a beat that is no downbeat, and a downbeat.
        """
        count = len(self._dense)
        states = [LstmState.silent(count, _CELLS) for _ in self._layers]
        parts = [np.zeros((count, 0, 2), np.float32)]
        for inputs in batches:
            values = self._embed(inputs)
            for layer, state in zip(self._layers, states, strict=True):
                values = layer.run(values, state)
            scores = values @ self._out + self._out_biases
            odds = np.exp(scores - scores.max(axis=2, keepdims=True))
            parts.append((odds / odds.sum(axis=2, keepdims=True))[..., :2])
        return np.concatenate(parts, axis=1)

    def _embed(self, inputs: F32) -> F32:
        windows = np.lib.stride_tricks.sliding_window_view(inputs, _KERNEL, axis=1)
        raised = np.maximum(0.0, windows @ self._kernels + self._kernel_biases)
        # Of two neighbouring bands the higher one is kept; the last of an odd number is dropped.
        half = raised.shape[1] // 2
        pooled = raised[:, : 2 * half].reshape(len(inputs), half, 2, -1).max(axis=2)
        own = pooled.reshape(len(inputs), half, len(self._dense), _CHANNELS)
        flat = own.transpose(2, 0, 3, 1).reshape(len(self._dense), len(inputs), -1)
        return np.asarray(flat @ self._dense + self._dense_biases, np.float32)
