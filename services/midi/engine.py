"""What finds pitches in audio: Basic Pitch's network, windows of mono audio in, posteriors out."""

from typing import Protocol

import numpy as np

from kit.arrays import F32
from kit.worker.engines import EngineContext
from services.midi.dsp import Posteriors
from services.midi.partials import HOP

WINDOW = 43844
"""Samples of one window, at `partials.RATE`."""
EDGE_FRAMES = 15
"""Frames at each end of a window that are not used: they lack context."""
KEPT_FRAMES = 142
"""Frames of a window that are used; windows follow each other by as many."""
BATCH = 4
"""Windows in one run."""
STEP = KEPT_FRAMES * HOP
"""Samples from one window to the next."""
EDGE = EDGE_FRAMES * HOP
"""Samples of silence before the audio, so that its first frame is the first one kept."""

_WEIGHTS = "basic-pitch"
_VERSION = "icassp-2022"


class Engine(Protocol):
    """Gives posteriors of overlapping windows."""

    @property
    def description(self) -> str:
        """What runs the network."""
        ...

    @property
    def weights(self) -> str:
        """Which network."""
        ...

    def run(self, windows: F32) -> Posteriors:
        """Return the posteriors of consecutive windows, joined.

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

    @property
    def name(self) -> str:
        """What the log calls it: which network, on what."""
        return f"{self.weights} on {self.description}"

    def run(self, windows: F32) -> Posteriors:
        """Return the posteriors of consecutive windows, joined."""
        count = len(windows)
        # The graph takes no other number of windows.
        batch = np.zeros((BATCH, WINDOW), np.float32)
        batch[:count] = windows
        given = self._network.run({"audio": batch})
        onset, note, contour = (
            given[name][:count].reshape(count * KEPT_FRAMES, -1)
            for name in ("onset", "note", "contour")
        )
        return Posteriors(onset, note, contour)


def load_engine(context: EngineContext) -> Engine:
    """Load the network on the device that was chosen."""
    return BasicPitch(context)
