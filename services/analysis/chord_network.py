"""CREMA's network of chords: its constant-Q spectra and its layers, in numpy.

B. McFee and J. P. Bello, "Structured training for large-vocabulary chord recognition", ISMIR 2017.
Only the network is used, with its authors' weights; what follows it here is a hidden Markov model
over beats.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

import h5py
import numpy as np

from kit.arrays import F32, Tensor
from kit.audio.decode import resample_stream
from kit.audio.downmix import downmix
from kit.signal.spectra import Framing, frames
from kit.weights.damage import CheckpointError

RATE = 11_025
"""Hz; the highest filter is centred at 4.1 kHz."""
HOP = 1024
FRAME_RATE = RATE / HOP
"""Frames a second: 10.8."""
_LOWER = 8
"""Factor by which the rate of the lowest three octaves is lower, so that they need no longer
window than the others."""
_SIZE = 4096
"""Samples of a window at either rate; the longest filter has 2168."""
_PER_OCTAVE, _LOWEST = 36, 32.70319566257483
_LOWER_BINS, _BINS, _USED = 108, 252, 216
_TRAINED_RATE = 44_100.0
_FLOOR_DB, _SMALLEST = -80.0, 1e-5
_CELLS = 128
_AT_ONCE, _CONTEXT = 4096, 128
"""Frames in one pass of the recurrent layers, and those of the neighbouring passes on both sides:
380 and 12 s."""
_NORM_EPSILON = 1e-3

QUALITIES = (
    *("7", "aug", "dim", "dim7", "hdim7", "maj", "maj6", "maj7"),
    *("min", "min6", "min7", "minmaj7", "sus2", "sus4"),
)
"""Kinds of chords in Harte's notation, in the order of the network's classes."""
_ROOTS = (10, 9, 11, 1, 0, 3, 2, 4, 6, 5, 8, 7)
"""Pitch classes in the order of the network's classes, which are sorted as text: `A#:7` comes
first, and no chord and the unknown chord last."""
_ROOTED = len(_ROOTS) * len(QUALITIES)
"""Classes that are a quality of a root; two more are no chord and the unknown chord."""
_CLASSES = _ROOTED + 2


@dataclass(frozen=True, slots=True)
class ChordActivations:
    """Log probabilities of chords over time.

    Parameters
    ----------
    chords
        `[frames, 170]`: 14 qualities (see `QUALITIES`) of each of the 12 roots from C, then no
        chord and a chord that is none of these.
    bass
        `[frames, 13]`: the bass note's pitch class from C, then none.
    rate
        Frames a second; frame `t` is centred on `t / rate`.
    """

    chords: F32
    bass: F32
    rate: float


def _kernels(rate: float, first: int, last: int) -> Tensor:
    """Return the filters of some bins as spectra of a window, `[2049, bins]`, complex.

    A filter is a Hann window of 51.4 periods with a sum of 1, times the square root of its length
    at the rate that the network learned from.
    """
    quality = 1.0 / (2.0 ** (1.0 / _PER_OCTAVE) - 1.0)
    rows = np.zeros((last - first, _SIZE), np.complex128)
    for row, at in zip(rows, range(first, last), strict=True):
        frequency = _LOWEST * 2.0 ** (at / _PER_OCTAVE)
        length = int(quality * rate / frequency)
        time = np.arange(length) - length // 2
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
        level = np.sqrt(quality * _TRAINED_RATE / frequency) / window.sum()
        start = _SIZE // 2 - length // 2
        row[start : start + length] = level * window * np.exp(2j * np.pi * frequency / rate * time)
    spectra = np.fft.fft(rows, axis=1)[:, : _SIZE // 2 + 1].conj() / _SIZE
    return np.ascontiguousarray(spectra.T, dtype=np.complex64)


def spectra(blocks: Iterable[F32], sample_rate: int) -> Iterator[Tensor]:
    """Compute constant-Q spectra of seven octaves from C1, three bins a semitone.

    Parameters
    ----------
    blocks
        Audio, each block `[channels, samples]`, full scale 1.
    sample_rate
        In Hz.

    Yields
    ------
    Tensor
        Batches of `[frames, 252]`, float16: levels in dB, not below -100. Frame 0 is centred on the
        first sample.
    """
    mono = resample_stream(downmix(blocks, sample_rate), sample_rate, RATE)
    # Both streams are read side by side, so that only a few blocks wait between them.
    upper, whole = tee(mono)
    lower = resample_stream(whole, _LOWER, 1)
    parts = (
        (lower, HOP // _LOWER, _kernels(RATE / _LOWER, 0, _LOWER_BINS)),
        (upper, HOP, _kernels(RATE, _LOWER_BINS, _BINS)),
    )
    streams = [frames(stream, Framing(RATE, _SIZE, hop)) for stream, hop, _ in parts]
    for batches in zip(*streams, strict=False):
        count = min(batch.shape[1] for batch in batches)
        levels = [
            np.abs(np.fft.rfft(batch[0, :count], axis=1).astype(np.complex64) @ kernel)
            for batch, (_, _, kernel) in zip(batches, parts, strict=True)
        ]
        yield (20.0 * np.log10(np.maximum(_SMALLEST, np.concatenate(levels, axis=1)))).astype(
            np.float16
        )


class ChordNetwork:
    """A convolution over time and pitch, a dense layer and two bidirectional GRU layers.

    Parameters
    ----------
    path
        The file that the authors published, `model.h5` of Keras.

    Raises
    ------
    CheckpointError
        The file is damaged or not such a checkpoint.
    """

    def __init__(self, path: Path) -> None:
        layers = _read(path)
        self._norms = [_Norm(*layers[f"batch_normalization_{number}"]) for number in range(1, 6)]
        self._kernel, self._kernel_bias = layers["conv2d_1"]
        dense, self._dense_bias = layers["conv2d_2"]
        self._dense = np.ascontiguousarray(dense[0, :, 0])
        self._layers = [_Recurrent(*layers[f"bidirectional_{number}"]) for number in (1, 2)]
        self._heads = [layers[name] for name in ("chord_pitch", "chord_root", "chord_bass")]
        self._tags, self._tag_bias = layers["chord_tag"]

    def run(self, batches: Iterable[Tensor]) -> ChordActivations:
        """Compute log probabilities of chords.

        Parameters
        ----------
        batches
            `[frames, 252]` each, from `spectra`.
        """
        levels = np.concatenate([np.zeros((0, _BINS), np.float16), *batches])
        count = len(levels)
        octave = _BINS - _USED
        peaks = [
            float(some.max()) if count else 0.0 for some in (levels[:, :_USED], levels[:, octave:])
        ]
        order = np.argsort(_ROOTS)
        chords, bass = np.empty((count, _CLASSES), np.float32), np.empty((count, 13), np.float32)
        for first in range(0, count, _AT_ONCE):
            last = min(count, first + _AT_ONCE)
            begin, end = max(0, first - _CONTEXT), min(count, last + _CONTEXT)
            some = levels[begin:end].astype(np.float32)
            pair = np.stack([some[:, :_USED] - peaks[0], some[:, octave:] - peaks[1]], axis=2)
            outputs = self._layered(np.maximum(pair, _FLOOR_DB))
            tags, bass[first:last] = (array[first - begin : last - begin] for array in outputs)
            by_root = tags[:, :_ROOTED].reshape(-1, 12, len(QUALITIES))[:, order]
            chords[first:last, :_ROOTED] = by_root.reshape(-1, _ROOTED)
            chords[first:last, _ROOTED:] = tags[:, _ROOTED:]
        return ChordActivations(chords, bass, FRAME_RATE)

    def _layered(self, pair: F32) -> tuple[F32, F32]:
        """Return log probabilities of the network's 170 classes and of the bass."""
        values = self._norms[1](self._convolved(self._norms[0](pair)))
        values = self._norms[2](np.maximum(0.0, values @ self._dense + self._dense_bias))
        hidden = self._layers[1].run(self._norms[3](self._layers[0].run(values)))
        pitch, root, bass = (hidden @ weights + bias for weights, bias in self._heads)
        outputs = (1.0 / (1.0 + np.exp(-pitch)), np.exp(_log_softmax(root)), _log_softmax(bass))
        joined = np.concatenate([hidden, *outputs[:2], np.exp(outputs[2])], axis=1)
        return _log_softmax(self._norms[4](joined) @ self._tags + self._tag_bias), outputs[2]

    def _convolved(self, pair: F32) -> F32:
        """Convolve `[frames, 216, 2]` with the kernel of 5 × 5, padded with zeros; rectified."""
        count, width, _ = pair.shape
        padded = np.pad(pair, ((2, 2), (2, 2), (0, 0)))
        total = np.zeros((count, width), np.float32)
        for frame, pitch, channel in np.ndindex(5, 5, 2):
            total += (
                self._kernel[frame, pitch, channel, 0]
                * padded[frame : frame + count, pitch : pitch + width, channel]
            )
        return np.asarray(np.maximum(0.0, total + self._kernel_bias), np.float32)


_GRU = ("kernel", "recurrent_kernel", "bias")
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def _names() -> dict[str, tuple[str, ...]]:
    """Return the names of each layer's weights in Keras's order."""
    convolved = ("kernel", "bias")
    heads = ("conv2d_1", "conv2d_2", "chord_pitch", "chord_root", "chord_bass", "chord_tag")
    return {
        **{f"batch_normalization_{number}": _NORM for number in range(1, 6)},
        **dict.fromkeys(heads, convolved),
        **{
            f"bidirectional_{number}": tuple(
                f"{way}_gru_{number}/{name}" for way in ("forward", "backward") for name in _GRU
            )
            for number in (1, 2)
        },
    }


def _gru_shapes(inputs: int) -> tuple[tuple[int, ...], ...]:
    return 2 * ((inputs, 3 * _CELLS), (_CELLS, 3 * _CELLS), (3 * _CELLS,))


_SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    **{
        f"batch_normalization_{number}": 4 * ((width,),)
        for number, width in enumerate((2, 1, 72, 256, 294), 1)
    },
    "conv2d_1": ((5, 5, 2, 1), (1,)),
    "conv2d_2": ((1, _USED, 1, 72), (72,)),
    "bidirectional_1": _gru_shapes(72),
    "bidirectional_2": _gru_shapes(256),
    "chord_pitch": ((256, 12), (12,)),
    "chord_root": ((256, 13), (13,)),
    "chord_bass": ((256, 13), (13,)),
    "chord_tag": ((294, 170), (170,)),
}


def _read(path: Path) -> dict[str, list[F32]]:
    """Read the weights of each layer from a file of Keras."""
    try:
        with h5py.File(path, "r") as file:
            layers = {
                layer: [
                    np.asarray(file[f"model_weights/{layer}/{layer}/{name}:0"][()], np.float32)
                    for name in names
                ]
                for layer, names in _names().items()
            }
    except (OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path.name} is not CREMA's network of chords: {error}") from error
    for name, arrays in layers.items():
        if tuple(array.shape for array in arrays) != _SHAPES[name]:
            raise CheckpointError(f"{path.name}: the layer {name} has another shape.")
    return layers


class _Norm:
    """Batch normalisation with the statistics of training."""

    def __init__(self, gamma: F32, beta: F32, mean: F32, variance: F32) -> None:
        self._scale = gamma / np.sqrt(variance + np.float32(_NORM_EPSILON))
        self._shift = beta - mean * self._scale

    def __call__(self, values: F32) -> F32:
        return np.asarray(values * self._scale + self._shift, np.float32)


class _Recurrent:
    """A GRU layer in both directions; the reset gate acts before the recurrent product."""

    def __init__(self, *arrays: F32) -> None:
        inputs, recurrent, biases = (
            np.stack(pair) for pair in zip(arrays[:3], arrays[3:], strict=True)
        )
        # The hard sigmoid of the gates is a fifth of their argument plus a half, within 0 and 1.
        scale = np.repeat(np.array([0.2, 0.2, 1.0], np.float32), _CELLS)
        shift = np.repeat(np.array([0.5, 0.5, 0.0], np.float32), _CELLS)
        self._inputs = inputs * scale
        self._biases = (biases * scale + shift)[:, None]
        self._gates = np.ascontiguousarray((recurrent * scale)[:, :, : 2 * _CELLS])
        self._candidate = np.ascontiguousarray(recurrent[:, :, 2 * _CELLS :])

    def run(self, values: F32) -> F32:
        """Run over `[frames, inputs]`; return `[frames, 256]`, forward and backward."""
        driven = np.stack([values, values[::-1]]) @ self._inputs + self._biases
        out = np.empty((2, len(values), _CELLS), np.float32)
        hidden = np.zeros((2, 1, _CELLS), np.float32)
        for frame in range(len(values)):
            own = driven[:, frame : frame + 1]
            gates = np.clip(own[..., : 2 * _CELLS] + hidden @ self._gates, 0.0, 1.0)
            update, reset = gates[..., :_CELLS], gates[..., _CELLS:]
            fresh = np.tanh(own[..., 2 * _CELLS :] + (reset * hidden) @ self._candidate)
            hidden = fresh + update * (hidden - fresh)
            out[:, frame] = hidden[:, 0]
        return np.concatenate([out[0], out[1, ::-1]], axis=1)


def _log_softmax(scores: F32) -> F32:
    raised = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(raised - np.log(np.exp(raised).sum(axis=1, keepdims=True)), np.float32)
