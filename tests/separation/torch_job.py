"""Jobs on PyTorch, in a process of their own: `python -m tests.separation.torch_job REQUEST…`.

`REQUEST` is JSON: `files` (official files by name in weights.toml), `audio` (a numpy file), `out`,
`weights`, `share` and `batch` (0 leaves it alone). For each comes one line of JSON back.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contracts.separation import (
    Precision,
    Residual,
    SeparationParams,
    StemDepth,
    StemFormat,
    Weights,
)
from kit.inference.base import Network
from kit.worker.engines import EngineContext
from services.separation.backends import note_of
from services.separation.engine import NetworkEngine, Running, open_torch
from services.separation.handler import handle
from tests.separation.fake_separators import make_job


def main() -> None:
    """Run the jobs."""
    for request in sys.argv[1:]:
        print(json.dumps(run(json.loads(request))), flush=True)


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Run a job and return what it told."""
    context = EngineContext(threads=2, segment=params["share"])

    def no_graph(path: Path, precision: Precision) -> Network:
        raise AssertionError("a graph was opened where PyTorch was asked for")

    def opener(paths: Sequence[Path], precision: Precision) -> Running:
        running = open_torch(context, paths, precision)
        if params["batch"]:
            running.batch = params["batch"]
        return running

    engine = NetworkEngine(
        {name: Path(path) for name, path in params["files"].items()},
        no_graph,
        torch=opener,
        note=note_of(context, on_torch=True),
    )
    job, _ = make_job(Path(params["out"]), np.load(params["audio"]))
    params = SeparationParams(
        weights=Weights(params["weights"]),
        format=StemFormat.WAV,
        depth=StemDepth.FLOAT32,
        residual=Residual.NONE,
        previews=False,
        precision=Precision(params.get("precision", "exact")),
    )
    result = handle(params, job, engine)
    engine.close()
    return {**result.model_dump(mode="json"), "name": engine.name}


if __name__ == "__main__":
    main()
