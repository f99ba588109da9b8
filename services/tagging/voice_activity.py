"""Silero's network for speech, in numpy: how probable speech is in every 32 ms of a recording.

Silero Team, "Silero VAD: pre-trained enterprise-grade voice activity detector", 2021 (MIT). Four
convolutions over the spectrum of 36 ms, and one LSTM layer that runs forward in time.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kit.arrays import F32
from kit.inference.lstm import LstmLayer, LstmState
from kit.weights.damage import CheckpointError

RATE = 16_000
"""Hz."""
CHUNK = 512
"""Samples of a chunk, 32 ms."""
_CONTEXT = 64
"""Samples before a chunk that the network also reads; as many are mirrored after it."""
_SIZE, _HOP = 256, 128
_BINS = _SIZE // 2 + 1
_CELLS = 128
_STRIDES = (1, 2, 2, 1)
_SHAPES = {
    "spectrum": (2 * _BINS, 1, _SIZE),
    "convolution.0.weight": (128, _BINS, 3),
    "convolution.1.weight": (64, 128, 3),
    "convolution.2.weight": (64, 64, 3),
    "convolution.3.weight": (_CELLS, 64, 3),
    "recurrent.weight_ih": (4 * _CELLS, _CELLS),
    "recurrent.weight_hh": (4 * _CELLS, _CELLS),
    "output.weight": (1, _CELLS, 1),
}


class VoiceActivityNetwork:
    """The network's weights.

    Parameters
    ----------
    path
        The file that `services.tagging.networks.silero` wrote.

    Raises
    ------
    CheckpointError
        The file is damaged or holds another network.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                weights = {name: np.asarray(file[name], np.float32) for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{path.name} is damaged: {error}") from error
        if any(name not in weights or weights[name].shape != _SHAPES[name] for name in _SHAPES):
            raise CheckpointError(f"{path.name} is not the network of Silero VAD.")
        self._spectrum = np.ascontiguousarray(weights["spectrum"][:, 0].T)
        self._convolutions = [
            (
                # The three taps of a kernel side by side, so that a convolution is one product.
                weights[f"convolution.{layer}.weight"].transpose(2, 1, 0).reshape(-1, outputs),
                weights[f"convolution.{layer}.bias"],
            )
            for layer, outputs in enumerate((128, 64, 64, _CELLS))
        ]
        self._layer = LstmLayer(
            weights["recurrent.weight_ih"][None],
            weights["recurrent.weight_hh"][None],
            (weights["recurrent.bias_ih"] + weights["recurrent.bias_hh"])[None],
        )
        self._out = weights["output.weight"].reshape(_CELLS)
        self._out_bias = float(weights["output.bias"][0])

    def run(self, windows: F32, state: LstmState) -> F32:
        """Compute the probability of speech in consecutive chunks, and update the state.

        Parameters
        ----------
        windows
            `[n, 576]`: each chunk after the 64 samples before it.
        state
            Of the chunk before the first.

        Returns
        -------
        F32
            `[n]`, 0 to 1.
        """
        outputs = self._layer.run(self._embed(windows)[None], state)[0]
        scores = np.maximum(0.0, outputs) @ self._out + self._out_bias
        return np.asarray(1.0 / (1.0 + np.exp(-scores)), np.float32)

    def _embed(self, windows: F32) -> F32:
        """Return the inputs of the LSTM layer, `[n, 128]`, for windows, `[n, 576]`."""
        mirrored = np.pad(windows, ((0, 0), (0, _CONTEXT)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(mirrored, _SIZE, axis=1)[:, ::_HOP]
        parts = frames @ self._spectrum
        values = np.hypot(parts[..., :_BINS], parts[..., _BINS:])
        for (kernel, bias), stride in zip(self._convolutions, _STRIDES, strict=True):
            padded = np.pad(values, ((0, 0), (1, 1), (0, 0)))
            count = (padded.shape[1] - 3) // stride + 1
            taps = [padded[:, tap : tap + stride * (count - 1) + 1 : stride] for tap in range(3)]
            values = np.maximum(0.0, np.concatenate(taps, axis=2) @ kernel + bias)
        return np.asarray(values[:, 0], np.float32)


class VoiceActivity:
    """Reads a recording block by block; memory grows by 125 bytes for each second.

    Parameters
    ----------
    run
        Computes probabilities of windows, as `VoiceActivityNetwork.run`.
    """

    def __init__(self, run: Callable[[F32, LstmState], F32]) -> None:
        self._run = run
        self._state = LstmState.silent(1, _CELLS)
        self._held = np.zeros(_CONTEXT, np.float32)
        self._probabilities: list[F32] = []

    def feed(self, samples: F32) -> None:
        """Read the next samples, `[n]`, mono at 16 kHz."""
        self._held = np.concatenate([self._held, samples])
        count = (self._held.size - _CONTEXT) // CHUNK
        if not count:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._held, _CONTEXT + CHUNK)
        self._probabilities.append(self._run(windows[: count * CHUNK : CHUNK], self._state))
        self._held = self._held[count * CHUNK :]

    def finish(self) -> F32:
        """Return the probability of speech in each chunk, `[chunks]`; the last is filled up."""
        rest = self._held.size - _CONTEXT
        if rest:
            self.feed(np.zeros(CHUNK - rest, np.float32))
        return np.concatenate([np.zeros(0, np.float32), *self._probabilities])
