"""Separation engines: available networks, their selection and loading."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from contracts.music import Stem
from contracts.separation import Precision, Weights
from kit.inference.base import Network
from kit.inference.devices import installed
from kit.inference.opening import open_network
from kit.weights.manifest import read_manifest
from kit.worker.engines import EngineContext, OpenModel, missing_weights
from services.separation.backends import (
    FETCH,
    MANIFEST,
    note_of,
    official_file,
    takes_torch,
)
from services.separation.streaming import Separator

FOUR = (Stem.DRUMS, Stem.BASS, Stem.OTHER, Stem.VOCALS)
STEMS: Mapping[Weights, tuple[Stem, ...]] = {
    Weights.SPLEETER: (Stem.VOCALS, Stem.ACCOMPANIMENT),
    Weights.HTDEMUCS: FOUR,
    Weights.HTDEMUCS_FT: FOUR,
    Weights.HTDEMUCS_6S: (*FOUR, Stem.GUITAR, Stem.PIANO),
}
"""Stems of each network, in output order."""
BEST = (Weights.HTDEMUCS, Weights.HTDEMUCS_FT, Weights.SPLEETER, Weights.HTDEMUCS_6S)
"""Default weights, best first. htdemucs_ft takes four times as long for about a third of a dB
(Demucs' README), and htdemucs_6s has lower quality, so both must be requested."""
PARTS: Mapping[Weights, tuple[str, ...]] = {
    Weights.SPLEETER: ("spleeter-2stems",),
    Weights.HTDEMUCS: ("htdemucs",),
    Weights.HTDEMUCS_FT: tuple(f"htdemucs_ft-{stem}" for stem in FOUR),
    Weights.HTDEMUCS_6S: ("htdemucs_6s",),
}
"""Names in `weights.toml`."""
LEVELS: Mapping[Weights, float] = {Weights.SPLEETER: 0.14}
"""Standard deviation to normalise a track to; 1 by default, as in Demucs. Spleeter's networks were
trained on mastered music and fail on quiet recordings; -17 dB gave the best results on the
benchmark's songs."""


TRANSPARENT: Mapping[Weights, Precision] = dict.fromkeys(
    (Weights.HTDEMUCS, Weights.HTDEMUCS_FT, Weights.HTDEMUCS_6S), Precision.BALANCED
)
"""The fastest precision on a CPU with an inaudible error: at least 71 dB below the stems, by
`python -m benchmarks.separation --only equality`. Weights without a measurement run exactly."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Loaded networks, ready for separation."""

    separator: Separator
    stems: tuple[Stem, ...]
    weights: Weights
    engine: str
    precision: Precision
    overlap: float
    """Default overlap, from their authors or this project's measurements."""
    level: float
    """Standard deviation to which a track is normalised before separation."""
    note: str = ""
    """Reason for another device or a smaller batch than usual; empty otherwise."""
    better: str = ""
    """How to get better weights than these; empty if there are none."""
    networks: Sequence["Network | Running"] = ()
    """Networks that hold memory until they are closed."""

    def close(self) -> None:
        """Release the networks."""
        for network in self.networks:
            network.close()


class Engine(Protocol):
    """Loads separation networks."""

    @property
    def name(self) -> str:
        """Name of the engine, for logs."""
        ...

    def open(self, weights: Weights | None, precision: Precision | None) -> Opened:
        """Return loaded networks.

        Without `weights`, the best ones of this worker; without `precision`, the fastest one with
        an inaudible error.

        Raises
        ------
        kit.worker.outcomes.Rejected
            The weights are not installed; the message says how to fetch them.
        """
        ...


class Running(Separator, Protocol):
    """A separator with its runtime."""

    @property
    def engine(self) -> str:
        """Engine, its version and the device."""
        ...

    @property
    def precision(self) -> Literal["exact", "balanced", "fast"]:
        """The precision in force."""
        ...

    def close(self) -> None:
        """Release its memory."""
        ...


OpenNetwork = Callable[[Path, Precision], Network]
OpenTorch = Callable[[Sequence[Path], Precision], Running]


class NetworkEngine:
    """Loads networks from the weights store and keeps the latest set in memory.

    Parameters
    ----------
    paths
        Graphs by name in `weights.toml`.
    opener
        Loads a graph.
    torch
        Opens Demucs' networks from the graphs' official files instead; Spleeter is always a graph.
    transparent
        Default precision of weights; exact for others.
    note
        Reason for another device or a smaller batch than usual.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        opener: OpenNetwork,
        *,
        torch: OpenTorch | None = None,
        transparent: Mapping[Weights, Precision] = TRANSPARENT,
        note: str = "",
    ) -> None:
        self._paths = paths
        self._opener = opener
        self._torch = torch
        self._transparent = transparent
        self._note = note
        self._model = OpenModel(self._load, Opened.close)

    @property
    def available(self) -> tuple[Weights, ...]:
        """Installed weights, the best first."""
        return tuple(w for w in BEST if all(part in self._paths for part in PARTS[w]))

    @property
    def name(self) -> str:
        """Name of the engine, for logs."""
        kind = "separation on torch: " if self._torch else "separation: "
        return kind + ", ".join(self.available)

    def open(self, weights: Weights | None, precision: Precision | None) -> Opened:
        """Return loaded networks; close those of the last job if they differ."""
        chosen = weights or next(iter(self.available), Weights.SPLEETER)
        if chosen not in self.available:
            raise missing_weights(chosen, self.available, FETCH)
        if precision is None:
            precision = self._transparent.get(chosen, Precision.EXACT)
        return self._model.open((chosen, precision))

    def close(self) -> None:
        """Release the networks and their memory."""
        self._model.close()

    def _load(self, key: tuple[Weights, Precision]) -> Opened:
        weights, precision = key
        parts = [self._paths[part] for part in PARTS[weights]]
        networks: list[Network | Running]
        separator: Separator
        if self._torch is not None and weights is not Weights.SPLEETER:
            separator = running = self._torch(parts, precision)
            networks = [running]
        else:
            graphs = [self._opener(path, precision) for path in parts]
            separator, networks = _assemble(weights, graphs), [*graphs]
        stems = STEMS[weights]
        if separator.sources != len(stems):
            raise ValueError(
                f"{weights} has {separator.sources} stems, but {len(stems)} are expected"
            )
        return Opened(
            separator=separator,
            stems=stems,
            weights=weights,
            engine=networks[0].engine,
            precision=Precision(networks[0].precision),
            overlap=0.25,
            level=LEVELS.get(weights, 1.0),
            note=self._note,
            better=self._better(weights),
            networks=networks,
        )

    def _better(self, weights: Weights) -> str:
        if weights is not Weights.SPLEETER:
            return ""
        if Weights.HTDEMUCS in self.available:
            return "This worker has htdemucs: omit `weights` to use it."
        return (
            "htdemucs separates four stems with less bleed. The operator of this worker can fetch "
            f"its weights with: {FETCH}"
        )


def _assemble(weights: Weights, graphs: list[Network]) -> Separator:
    from services.separation.htdemucs import Bag, HtdemucsSeparator
    from services.separation.spleeter import SpleeterSeparator

    if weights is Weights.SPLEETER:
        return SpleeterSeparator(graphs[0])
    if len(graphs) == 1:
        return HtdemucsSeparator(graphs[0])
    return Bag([HtdemucsSeparator(graph) for graph in graphs])


def open_torch(context: EngineContext, paths: Sequence[Path], precision: Precision) -> Running:
    """Open official files on PyTorch."""
    from services.separation.engines.pytorch import open_checkpoints

    return open_checkpoints(
        paths,
        device=context.device,
        threads=context.threads,
        precision=precision.value,
        share=context.segment,
    )


def load_engine(context: EngineContext) -> NetworkEngine:
    """Load the best weights of this worker, so that its first job does not wait for them."""
    on_torch = takes_torch(context.prefer, context.device)
    # If only PyTorch can use the GPU, Spleeter's light graph runs on the CPU.
    cuda = context.device == "cuda" and not (on_torch and not installed("onnxruntime-gpu"))

    def opener(path: Path, precision: Precision) -> Network:
        named: Literal["exact", "balanced", "fast"] = precision.value
        device: Literal["cpu", "cuda"] = "cuda" if cuda else "cpu"
        return open_network(path, device=device, threads=context.threads, precision=named)

    def from_official(graphs: Sequence[Path], precision: Precision) -> Running:
        manifest = read_manifest(MANIFEST)
        return open_torch(context, [official_file(graph, manifest) for graph in graphs], precision)

    engine = NetworkEngine(
        context.weights,
        opener,
        torch=from_official if on_torch else None,
        transparent=TRANSPARENT if context.device == "cpu" else {},
        note=note_of(context, on_torch=on_torch),
    )
    engine.open(None, None)
    return engine
