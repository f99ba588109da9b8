"""Note posteriors by Basic Pitch's network, and pitch by SwiftF0's, from mono audio."""

from functools import cached_property
from typing import Protocol

import numpy as np

from kit.arrays import F32
from kit.notes.detection import Posteriors
from kit.notes.partials import HOP
from kit.worker.engines import EngineContext, missing_weights
from services.midi.piano.network import WEIGHTS as PIANO_WEIGHTS
from services.midi.piano.network import PianoNetwork, TranskunNetwork
from services.midi.pitch import PitchNetwork
from services.midi.strokes.engine import DrumEngine

FETCH = "python -m kit.weights fetch midi --all"
"""The command that fetches the networks that are not fetched by default."""
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
_PITCH_WEIGHTS = "swift-f0"
_PITCH_VERSION = "0.3.0"


class PosteriorNetwork(Protocol):
    """Computes posteriors of overlapping windows."""

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


class Engine(PosteriorNetwork, PitchNetwork, Protocol):
    """Computes posteriors, and the pitch of a monophonic source."""

    @property
    def description(self) -> str:
        """The runtime that runs the networks."""
        ...

    @property
    def weights(self) -> str:
        """Name and version of the weights of the posteriors."""
        ...

    @property
    def drums(self) -> DrumEngine:
        """The drum network."""
        ...

    @property
    def piano(self) -> PianoNetwork:
        """The piano network.

        Raises
        ------
        Rejected
            This worker does not have it; the message says how to fetch it.
        """
        ...

    @property
    def has_piano(self) -> bool:
        """Whether this worker has the piano network, which is not fetched by default."""
        ...

    @property
    def pitch_weights(self) -> str:
        """Name and version of the weights of the pitch."""
        ...


class NoteNetworks:
    """The networks of Bittner et al. (2022) and Nieradzik (2025), with their authors' weights."""

    def __init__(self, context: EngineContext) -> None:
        from kit.inference.opening import open_network

        self._network = open_network(
            context.weights[_WEIGHTS],
            device="cuda" if context.device == "cuda" else "cpu",
            threads=context.threads,
        )
        # So small that a GPU would only wait.
        self._pitch = open_network(context.weights[_PITCH_WEIGHTS], threads=context.threads)
        self.description = self._network.engine
        self.weights = f"{_WEIGHTS} {_VERSION}"
        self.pitch_weights = f"{_PITCH_WEIGHTS} {_PITCH_VERSION}"
        self._context = context

    @cached_property
    def drums(self) -> DrumEngine:
        """The drum network, loaded by the first job that needs it."""
        return DrumEngine(self._context)

    @property
    def has_piano(self) -> bool:
        """Whether this worker has the piano network."""
        return PIANO_WEIGHTS in self._context.weights

    @cached_property
    def piano(self) -> PianoNetwork:
        """The piano network, loaded by the first job that needs it."""
        if not self.has_piano:
            raise missing_weights(PIANO_WEIGHTS, sorted(self._context.weights), FETCH)
        return TranskunNetwork(self._context)

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

    def track(self, window: F32) -> tuple[F32, F32]:
        """Return the pitch in Hz and its confidence, 0 to 1, of `WINDOW_FRAMES` frames."""
        outputs = self._pitch.run({"audio": window[None]})
        return outputs["pitch"][0], outputs["confidence"][0]


def load_engine(context: EngineContext) -> Engine:
    """Load the networks; that of the posteriors on the context's device."""
    return NoteNetworks(context)
