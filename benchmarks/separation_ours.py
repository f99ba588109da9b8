"""Our side of `benchmarks/separation.py`: one job in a fresh process, with a clock on its parts.

    python -m benchmarks.separation_ours REQUEST

`REQUEST` is JSON: `graphs` (paths by name in weights.toml), `audio`, `out`, and `params`. One line
of JSON comes back.
"""

import json
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from contracts.ids import ItemId, JobId
from contracts.items import ArtifactKind, ItemKind
from contracts.jobs import ItemFacts
from contracts.separation import Precision, SeparationParams
from contracts.subjects import Subject
from kit.arrays import Tensor
from kit.audio.probe import probe
from kit.inference.base import Network, TensorSpec
from kit.inference.opening import open_network
from kit.worker.job import Job, JobInput
from services.separation.engine import NetworkEngine
from services.separation.handler import handle


class Clocked:
    """A network that counts the seconds it runs."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.seconds = 0.0

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """What the network takes."""
        return self._network.inputs

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """What it gives."""
        return self._network.outputs

    @property
    def engine(self) -> str:
        """What runs it."""
        return self._network.engine

    @property
    def precision(self) -> Literal["exact", "balanced", "fast"]:
        """The precision in force."""
        return self._network.precision

    def run(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run it and add to the clock."""
        started = time.perf_counter()
        outputs = self._network.run(arrays)
        self.seconds += time.perf_counter() - started
        return outputs

    def close(self) -> None:
        """Close the network."""
        self._network.close()


class _Silent:
    def progress(self, fraction: float, message: str) -> None:
        pass

    def preview(self, path: Path) -> None:
        pass


def main() -> None:
    """Run the job and print how long its parts took."""
    request = json.loads(sys.argv[1])
    clocks: list[Clocked] = []

    def opener(path: Path, precision: Precision) -> Network:
        clocks.append(Clocked(open_network(path, threads=2, precision=precision.value)))
        return clocks[-1]

    params = SeparationParams.model_validate(request["params"])
    engine = NetworkEngine({k: Path(v) for k, v in request["graphs"].items()}, opener)
    started = time.perf_counter()
    opened = engine.open(params.weights, params.precision)
    loaded = time.perf_counter()
    separating = 0.0
    inner = opened.separator.run

    def separate(window: Any) -> Any:
        nonlocal separating
        begun = time.perf_counter()
        stems = inner(window)
        separating += time.perf_counter() - begun
        return stems

    opened.separator.run = separate  # type: ignore[method-assign]
    item, out = ItemId("01900000-0000-7000-8000-000000000001"), Path(request["out"])
    out.mkdir(parents=True, exist_ok=True)
    audio = Path(request["audio"])
    job = Job(
        id=JobId("01900000-0000-7000-8000-000000000002"),
        subject=Subject.of_item(item),
        item_facts=ItemFacts(id=item, kind=ItemKind.TRACK, name="song", audio=probe(audio)),
        inputs=(
            JobInput(
                path=audio,
                kind=ArtifactKind.CANONICAL,
                name="audio.flac",
                subject=Subject.of_item(item),
                sha256="0" * 64,
            ),
        ),
        scratch=out,
        reporter=_Silent(),
    )
    result = handle(params, job, engine)
    ended = time.perf_counter()
    network = sum(clock.seconds for clock in clocks)
    report = {
        "load": loaded - started,
        "network": network,
        "transforms": separating - network,
        "rest": ended - loaded - separating,
        "seconds": ended - loaded,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "result": result.model_dump(mode="json"),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
