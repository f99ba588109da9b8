"""Activations and velocities of drums from audio, by the project's own network."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from kit.arrays import F32
from kit.worker.engines import EngineContext
from services.midi.strokes.features import BANDS, DRUMS, mel_powers, scaled

WINDOW = 1024
"""Frames of one run."""
EDGE = 96
"""Frames at each end of a window that are discarded, because they lack context."""
NETWORK = Path(__file__).parents[1] / "weights" / "drums.onnx"
NAME = "cratedig-drums 2"


class DrumEngine:
    """The network that `make train-drums` trains."""

    def __init__(self, context: EngineContext, path: Path = NETWORK) -> None:
        from kit.inference.opening import open_network

        # A second of music takes less time than a transfer to another device.
        self._network = open_network(path, threads=context.threads)
        self.description = self._network.engine
        self.weights = NAME

    def activations(self, blocks: Iterable[F32]) -> tuple[F32, F32]:
        """Return the activations and the velocities of a recording.

        Parameters
        ----------
        blocks
            Mono audio at `features.RATE`, each block `[1, samples]`.

        Returns
        -------
        tuple
            `[frames, len(DRUMS)]` each, 0 to 1; a frame every 10 ms, the first one at 0.
        """
        parts = list(self._windows(blocks))
        if not parts:
            empty = np.zeros((0, len(DRUMS)), np.float32)
            return empty, empty
        activations, velocities = zip(*parts, strict=True)
        return np.concatenate(activations), np.concatenate(velocities)

    def _windows(self, blocks: Iterable[F32]) -> Iterator[tuple[F32, F32]]:
        """Run overlapping windows, of which only the inner frames are kept."""
        held = np.zeros((EDGE, BANDS), np.float32)
        step = WINDOW - 2 * EDGE
        for powers in mel_powers(blocks):
            held = np.concatenate([held, scaled(powers)])
            while len(held) >= WINDOW:
                yield self._inner(held[:WINDOW], step)
                held = held[step:]
        while (rest := len(held) - EDGE) > 0:
            window = np.zeros((WINDOW, BANDS), np.float32)
            window[: min(WINDOW, len(held))] = held[:WINDOW]
            yield self._inner(window, min(step, rest))
            held = held[step:]

    def _inner(self, window: F32, count: int) -> tuple[F32, F32]:
        outputs = self._network.run({"spectrogram": np.ascontiguousarray(window)})
        inner = slice(EDGE, EDGE + count)
        return outputs["activation"][inner], outputs["velocity"][inner]
