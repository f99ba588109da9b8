"""Pitch posteriors from mono audio, by Basic Pitch's network."""

from functools import cached_property
from typing import Protocol

import numpy as np

from kit.arrays import F32
from kit.notes.detection import Posteriors
from kit.notes.partials import HOP
from kit.worker.engines import EngineContext
from services.midi.strokes.engine import DrumEngine

WINDOW = 43844
"""Samples of one window, at `partials.RATE`."""
EDGE_FRAMES = 15
"""Frames at each end of a window that are discarded, because they lack context."""
KEPT_FRAMES = 142
"""Frames of a window that are kept; also the distance of windows."""
BATCH = 4
"""Windows in one run."""
STEP = KEPT_FRAMES * HOP
"""Samples from one window to the next."""
EDGE = EDGE_FRAMES * HOP
"""Samples of silence before the audio, so that its first frame is the first one kept."""

_WEIGHTS = "basic-pitch"
_VERSION = "icassp-2022"


class Engine(Protocol):
    """Computes posteriors of overlapping windows."""

    @property
    def description(self) -> str:
        """The runtime that runs the network."""
        ...

    @property
    def weights(self) -> str:
        """Name and version of the weights."""
        ...

    @property
    def drums(self) -> DrumEngine:
        """The drum network."""
        ...

    def run(self, windows: F32) -> Posteriors:
        """Return the posteriors of consecutive windows, concatenated.

        Parameters
        ----------
        windows
            [n, `WINDOW`], n up to `BATCH`; each begins `STEP` samples after the one before.

        Returns
        -------
        Posteriors
            n · `KEPT_FRAMES` frames; frame 0 is centred `EDGE` samples into the first window.
        """
        ...


class BasicPitch:
    """The network of Bittner et al. (2022), with the weights that its authors published."""

    def __init__(self, context: EngineContext) -> None:
        from kit.inference.opening import open_network

        self._network = open_network(
            context.weights[_WEIGHTS],
            device="cuda" if context.device == "cuda" else "cpu",
            threads=context.threads,
        )
        self.description = self._network.engine
        self.weights = f"{_WEIGHTS} {_VERSION}"
        self._context = context

    @cached_property
    def drums(self) -> DrumEngine:
        """The drum network, loaded by the first job that needs it."""
        return DrumEngine(self._context)

    @property
    def name(self) -> str:
        """The network and its runtime, for logs."""
        return f"{self.weights} on {self.description}"

    def run(self, windows: F32) -> Posteriors:
        """Return the posteriors of consecutive windows, concatenated."""
        count = len(windows)
        # The graph has a fixed batch size.
        batch = np.zeros((BATCH, WINDOW), np.float32)
        batch[:count] = windows
        outputs = self._network.run({"audio": batch})
        onset, note, contour = (
            outputs[name][:count].reshape(count * KEPT_FRAMES, -1)
            for name in ("onset", "note", "contour")
        )
        return Posteriors(onset, note, contour)


def load_engine(context: EngineContext) -> Engine:
    """Load the network on the context's device."""
    return BasicPitch(context)
