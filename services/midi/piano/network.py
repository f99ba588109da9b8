"""Transkun's network: the intervals of a segment, with the attributes of each."""

from collections.abc import Sequence
from typing import Protocol

from kit.arrays import AudioBlock
from kit.inference.opening import open_network
from kit.worker.engines import EngineContext
from services.midi.piano.features import FrontEnd
from services.midi.piano.heads import Heads, PianoNote
from services.midi.piano.intervals import IntervalScores, best_intervals

WEIGHTS, VERSION = "transkun", "2.0.1"


class PianoNetwork(Protocol):
    """Finds the notes and pedals of a segment."""

    @property
    def description(self) -> str:
        """The runtime that runs the network."""
        ...

    @property
    def weights(self) -> str:
        """Name and version of the weights."""
        ...

    def run(self, segment: AudioBlock, starts: Sequence[int]) -> list[list[PianoNote]]:
        """Return the notes of each track, in order of time.

        Parameters
        ----------
        segment
            [channels, `SEGMENT_SAMPLES`] at `RATE`.
        starts
            For each track, the first frame at which a note may begin.
        """
        ...


class TranskunNetwork:
    """The network of Yan and Duan (2024), with its authors' weights.

    Parameters
    ----------
    context
        `WEIGHTS` must be among its weights.
    """

    def __init__(self, context: EngineContext) -> None:
        # It imports onnx, which only this network needs here.
        from services.midi.networks.transkun import read_arrays

        path = context.weights[WEIGHTS]
        # Measured: the same notes as in float32, in 70 % of the time where there is bfloat16.
        self._network = open_network(
            path,
            device="cuda" if context.device == "cuda" else "cpu",
            threads=context.threads,
            precision="balanced",
        )
        carried = read_arrays(path)
        self._front = FrontEnd(carried["windows"], carried["mel"])
        self._heads = Heads(carried)
        self.description = self._network.engine
        self.weights = f"{WEIGHTS} {VERSION}"

    def run(self, segment: AudioBlock, starts: Sequence[int]) -> list[list[PianoNote]]:
        """Return the notes of each track, in order of time."""
        outputs = self._network.run({"features": self._front.features(segment)[None]})
        blocks = [outputs[f"scores.{number}"] for number in range(len(outputs) - 2)]
        scores = IntervalScores(blocks, outputs["single"])
        intervals = best_intervals(scores, starts)
        return self._heads.notes(outputs["track"], intervals)
