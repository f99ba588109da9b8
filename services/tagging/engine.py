"""What tells sounds apart: MusiCNN's networks for songs, a classifier for one-shots."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from contracts.tagging import TagSource
from kit.arrays import F32
from kit.worker.engines import EngineContext
from services.tagging.mel import BANDS, PATCH

BATCH = 4
"""Patches in one run."""
CLASSIFIER = Path(__file__).parent / "weights" / "oneshots.npz"
_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class TaggerOutput:
    """What a network says of patches."""

    tags: F32
    """`[n, 50]`, 0 to 1, in the order of `vocabulary.VOCABULARY`."""
    embedding: F32
    """`[n, 200]`: the penultimate layer."""


class Engine(Protocol):
    """Tags patches of spectrograms, and tells one-shots apart."""

    @property
    def name(self) -> str:
        """What runs the networks."""
        ...

    @property
    def weights(self) -> str:
        """Which networks, and which classifier."""
        ...

    def run_tagger(self, patches: F32, source: TagSource) -> TaggerOutput:
        """Return what a network says of patches, `[n, 187, 96]` with n up to `BATCH`."""
        ...

    def run_classifier(self, features: F32) -> F32:
        """Return calibrated probabilities, `[n, 14]`, of one-shots described by `features`."""
        ...


class MusicnnEngine:
    """The networks of Pons and Serra (2019), and the classifier that `make train-tagging` made."""

    def __init__(self, context: EngineContext) -> None:
        from kit.inference.opening import open_network
        from services.tagging.oneshots import Classifier

        self._networks = {
            source: open_network(
                context.weights[f"musicnn-{source}"],
                device="cuda" if context.device == "cuda" else "cpu",
                threads=context.threads,
            )
            for source in TagSource
        }
        self._classifier = Classifier.load(CLASSIFIER)
        made = hashlib.sha256(CLASSIFIER.read_bytes()).hexdigest()[:8]
        # Results are reused of engines of the same name, so the classifier is part of it.
        self.name = f"{self._networks[TagSource.MTT].engine}, one-shots {made}"
        self.weights = f"musicnn-mtt {_VERSION}, musicnn-msd {_VERSION}, one-shots {made}"

    def run_tagger(self, patches: F32, source: TagSource) -> TaggerOutput:
        """Return what a network says of patches."""
        count = len(patches)
        batch = np.zeros((BATCH, PATCH, BANDS), np.float32)
        batch[:count] = patches
        found = self._networks[source].run({"mel": batch})
        return TaggerOutput(found["tags"][:count], found["penultimate"][:count])

    def run_classifier(self, features: F32) -> F32:
        """Return calibrated probabilities of one-shots."""
        return self._classifier.classify(features)


def load_engine(context: EngineContext) -> Engine:
    """Load both networks on the device that was chosen, and the classifier."""
    return MusicnnEngine(context)
