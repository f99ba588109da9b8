"""Tagging networks: MusiCNN for songs, a classifier for one-shots."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from contracts.tagging import TagSource
from kit.arrays import F32
from kit.inference.lstm import LstmState
from kit.worker.engines import EngineContext
from services.tagging.mel import BANDS, PATCH
from services.tagging.similarity import Projection
from services.tagging.vocabulary import VOCABULARY
from services.tagging.voice_activity import VoiceActivityNetwork

BATCH = 4
"""Patches in one run."""
CLASSIFIER = Path(__file__).parent / "weights" / "oneshots.npz"
PROJECTION = CLASSIFIER.with_name("similarity.npz")
_VERSION = "0.1.0"
_SILERO = "silero-vad"
_SILERO_VERSION = "6.2.1.1"
MUSIC_VERSION = f"musicnn-mtt-{_VERSION}"
"""The version of vectors of music."""


@dataclass(frozen=True, slots=True)
class TaggerOutput:
    """The output of a tagging network for patches."""

    tags: F32
    """`[n, 50]`, 0 to 1, in the order of `vocabulary.VOCABULARY`."""
    embedding: F32
    """`[n, 200]`: the penultimate layer."""


class Engine(Protocol):
    """Tags spectrogram patches and classifies one-shots."""

    @property
    def name(self) -> str:
        """The runtime of the networks."""
        ...

    @property
    def weights(self) -> str:
        """Names and versions of the networks and the classifier."""
        ...

    @property
    def projection(self) -> Projection:
        """The projection by which samples are compared."""
        ...

    def run_tagger(self, patches: F32, source: TagSource) -> TaggerOutput:
        """Return tags and embeddings of patches, `[n, 187, 96]` with n up to `BATCH`."""
        ...

    def run_classifier(self, features: F32) -> F32:
        """Return calibrated probabilities, `[n, 14]`, of one-shots described by `features`."""
        ...

    def run_voice_activity(self, windows: F32, state: LstmState) -> F32:
        """Return the probability of speech in consecutive windows, `[n, 576]`, of 16 kHz."""
        ...


class MusicnnEngine:
    """The networks of Pons and Serra (2019), this project's one-shot classifier, and Silero VAD."""

    def __init__(self, context: EngineContext) -> None:
        from kit.inference.opening import open_network
        from services.tagging.oneshots import Classifier

        self._networks = {
            source: open_network(
                context.weights[f"musicnn-{source}"],
                device="cuda" if context.device == "cuda" else "cpu",
                threads=context.threads,
            )
            for source in VOCABULARY
        }
        self._classifier = Classifier.load(CLASSIFIER)
        self._voice_activity = VoiceActivityNetwork(context.weights[_SILERO])
        digest = hashlib.sha256(CLASSIFIER.read_bytes()).hexdigest()[:8]
        # Results of engines with the same name are reused: the name includes what else makes them.
        self.projection = Projection.load(PROJECTION)
        similarity = self.projection.version
        network = self._networks[TagSource.MTT].engine
        self.name = f"{network}, one-shots {digest}, similarity {similarity}"
        self.weights = (
            f"musicnn-mtt {_VERSION}, musicnn-msd {_VERSION}, one-shots {digest}, "
            f"similarity {similarity}, {_SILERO} {_SILERO_VERSION}"
        )

    def run_tagger(self, patches: F32, source: TagSource) -> TaggerOutput:
        """Return tags and embeddings of patches."""
        count = len(patches)
        batch = np.zeros((BATCH, PATCH, BANDS), np.float32)
        batch[:count] = patches
        outputs = self._networks[source].run({"mel": batch})
        return TaggerOutput(outputs["tags"][:count], outputs["penultimate"][:count])

    def run_classifier(self, features: F32) -> F32:
        """Return calibrated probabilities of one-shots."""
        return self._classifier.classify(features)

    def run_voice_activity(self, windows: F32, state: LstmState) -> F32:
        """Return the probability of speech in consecutive windows."""
        return self._voice_activity.run(windows, state)


def load_engine(context: EngineContext) -> Engine:
    """Load both networks on the context's device, and the classifier."""
    return MusicnnEngine(context)
