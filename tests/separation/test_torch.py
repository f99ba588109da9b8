"""PyTorch as the second engine: the same files, the same segments, the same stems to 100 dB.

Where torch is not beside the project, the legs that run it do so in the reference environment that
`python -m benchmarks.separation --only torch` makes.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.separation import (
    Precision,
    Residual,
    SeparationParams,
    StemDepth,
    StemFormat,
    Weights,
)
from kit.audio.decode import read
from kit.inference.base import Network
from kit.inference.errors import BadNetwork, DeviceMissing
from kit.inference.opening import open_network
from kit.weights.manifest import WeightsManifest, read_manifest
from kit.worker.engines import EngineContext
from services.separation.backends import MANIFEST, note_of, official_file, takes_torch
from services.separation.engine import NetworkEngine, load_engine
from services.separation.handler import handle
from services.separation.networks.htdemucs import convert
from services.separation.service import SERVICE
from tests.architecture.sources import ROOT
from tests.separation.fake_separators import make_job, snr
from tests.separation.test_htdemucs import checkpoint, mixture

# PyTorch takes seconds to import, and its threads spin where others work.
pytestmark = pytest.mark.timeout(300)

REFERENCE = ROOT / ".venv-reference-separation" / "bin" / "python"
SIX = Weights.HTDEMUCS_6S
FOUR = Weights.HTDEMUCS


@pytest.fixture(scope="session")
def torch_python() -> Path:
    """Return a Python with torch, demucs and what the worker needs."""
    if find_spec("torch") and find_spec("demucs"):
        return Path(sys.executable)
    if not (REFERENCE.parents[1] / ".lock").is_file():
        pytest.skip(
            "torch and demucs are not here: install the extra `torch`, or make the reference "
            "environment with: python -m benchmarks.separation --only torch"
        )
    return REFERENCE


def run(python: Path, *arguments: str) -> list[str]:
    """Run a module or code with torch, without a warning, and return the lines that it said."""
    done = subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


@dataclass(frozen=True, slots=True)
class Case:
    """A job that both engines do."""

    weights: Weights
    kind: str
    parts: tuple[str, ...]
    share: float = 1.0
    batch: int = 0

    @property
    def files(self) -> dict[str, Path]:
        """The official files by name."""
        return dict.fromkeys(self.parts, checkpoint(self.kind))


CASES = {
    "four": Case(FOUR, "tiny", ("htdemucs",)),
    "four, three at once": Case(FOUR, "tiny", ("htdemucs",), batch=3),
    "six": Case(SIX, "tiny_6s", ("htdemucs_6s",), batch=2),
    "a bag": Case(
        Weights.HTDEMUCS_FT,
        "tiny",
        tuple(f"htdemucs_ft-{stem}" for stem in ("drums", "bass", "other", "vocals")),
        batch=2,
    ),
    "less memory": Case(FOUR, "tiny", ("htdemucs",), share=0.5),
}


@dataclass(frozen=True, slots=True)
class Done:
    """What a job on PyTorch left."""

    report: dict[str, Any]
    outputs: Path


@pytest.fixture(scope="module")
def on_torch(torch_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """Run every case on PyTorch, in one process."""
    requests, folders = [], []
    for case in CASES.values():
        folder = tmp_path_factory.mktemp("torch")
        np.save(folder / "mix.npy", mixture())
        request = {
            "files": {name: str(path) for name, path in case.files.items()},
            "audio": str(folder / "mix.npy"),
            "out": str(folder),
            "weights": case.weights.value,
            "share": case.share,
            "batch": case.batch,
            "precision": "fast",
        }
        requests.append(json.dumps(request))
        folders.append(folder / "outputs")
    lines = run(torch_python, "-m", "tests.separation.torch_job", *requests)
    assert len(lines) == len(CASES)
    done = (Done(json.loads(line), folder) for line, folder in zip(lines, folders, strict=True))
    return dict(zip(CASES, done, strict=True))


def on_onnx(folder: Path, *, weights: Weights, files: dict[str, Path]) -> None:
    """Run the same job on the graphs of the same files."""
    graphs = {}
    for name, path in files.items():
        graphs[name] = folder / f"{name}.onnx"
        convert({path.name: path}, graphs[name])

    def opener(path: Path, precision: Precision) -> Network:
        return open_network(path, threads=2, precision=precision.value)

    params = SeparationParams(
        weights=weights,
        format=StemFormat.WAV,
        depth=StemDepth.FLOAT32,
        residual=Residual.NONE,
        previews=False,
    )
    job, _ = make_job(folder, mixture())
    handle(params, job, NetworkEngine(graphs, opener))


@pytest.mark.parametrize("name", CASES)
def test_the_stems_of_both_engines_are_equal(
    on_torch: dict[str, Done], tmp_path: Path, name: str
) -> None:
    case, theirs = CASES[name], on_torch[name]
    on_onnx(tmp_path, weights=case.weights, files=case.files)
    files = sorted(path.name for path in (tmp_path / "outputs").iterdir())
    assert files == sorted(path.name for path in theirs.outputs.iterdir())
    assert len(files) == (6 if case.weights is SIX else 4)
    for file in files:
        expected, output = (
            read(folder / file) for folder in (tmp_path / "outputs", theirs.outputs)
        )
        assert snr(expected, output) >= 100
    report = theirs.report
    assert report["engine"].startswith("torch ")
    assert " cpu, demucs " in report["engine"]
    assert report["name"] == f"separation on torch: {case.weights}"
    # TensorFloat-32 is the GPUs' alone, so the CPU runs exactly and says so.
    assert report["precision"] == "exact"
    assert "'fast'" in report["precision_note"]
    assert ("fewer segments at once" in report["device_note"]) == (case.share < 1)


def test_the_end_of_the_memory_is_named(torch_python: Path) -> None:
    """What torch raises, on either device, becomes the outcome that the worker falls back on."""
    code = """
import torch
from kit.worker.outcomes import OutOfMemory
from services.separation.engines.pytorch import batch_for, memory_watched, SEGMENT_BYTES, MAX_BATCH

def gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

def cpu():
    return torch.empty(1 << 60, dtype=torch.uint8).numpy()

for work in (gpu, cpu):
    try:
        memory_watched(work)
    except OutOfMemory as outcome:
        assert outcome.reason == "device_memory", outcome
    else:
        raise SystemExit("nothing was raised")

def bug():
    raise RuntimeError("shapes differ")

try:
    memory_watched(bug)
except RuntimeError as error:
    assert not isinstance(error, OutOfMemory)

assert batch_for(0, share=1) == 1
assert batch_for(4 * SEGMENT_BYTES, share=1) == 3
assert batch_for(100 * SEGMENT_BYTES, share=1) == MAX_BATCH
assert batch_for(100 * SEGMENT_BYTES, share=0.5) == MAX_BATCH // 2
assert batch_for(100 * SEGMENT_BYTES, share=0.25) == MAX_BATCH // 4
assert batch_for(SEGMENT_BYTES, share=0.25) == 1
print("well")
"""
    assert run(torch_python, "-c", code) == ["well"]


def test_a_gpu_that_torch_does_not_find_is_reported(torch_python: Path) -> None:
    code = """
import os
os.environ["CUDA_VISIBLE_DEVICES"] = ""
from services.separation.engines.pytorch import open_checkpoints
from kit.inference.errors import DeviceMissing
try:
    open_checkpoints([], device="cuda", threads=1, precision="exact", share=1.0)
except DeviceMissing as error:
    print(error)
"""
    (line,) = run(torch_python, "-c", code)
    assert "nvidia-smi" in line


def test_nothing_imports_torch_to_start_or_to_run_graphs(
    torch_python: Path, tmp_path: Path
) -> None:
    """Not even where it is installed."""
    graph = tmp_path / "htdemucs.onnx"
    convert({checkpoint("tiny").name: checkpoint("tiny")}, graph)
    code = f"""
import sys
from pathlib import Path
from kit.worker.engines import EngineContext
from services.separation.engine import load_engine
import services.separation.handler
engine = load_engine(EngineContext(weights={{"htdemucs": Path({str(graph)!r})}}))
print(engine.name, [m for m in ("torch", "demucs") if m in sys.modules])
"""
    assert run(torch_python, "-c", code) == ["separation: htdemucs []"]


HERE = {
    "cpu alone": {"onnxruntime", "openvino"},
    "gpu": {"onnxruntime-gpu"},
    "torch": {"onnxruntime", "torch", "demucs"},
    "both": {"onnxruntime-gpu", "torch", "demucs"},
}


@pytest.mark.parametrize(
    ("prefer", "device", "here", "torch"),
    [
        ("auto", "cpu", "cpu alone", False),
        ("auto", "cpu", "torch", False),
        ("auto", "cuda", "gpu", False),
        ("auto", "cuda", "torch", True),
        ("auto", "cuda", "both", False),
        ("torch", "cuda", "both", True),
        ("torch", "cpu", "torch", True),
        ("onnx", "cuda", "torch", False),
    ],
)
def test_the_engine_is_chosen(prefer: str, device: str, here: str, torch: bool) -> None:
    assert takes_torch(prefer, device, HERE[here].__contains__) is torch


@pytest.mark.parametrize(("prefer", "message"), [("torch", "extra `torch`"), ("jax", "'jax'")])
def test_an_engine_that_is_not_here_is_refused(prefer: str, message: str) -> None:
    with pytest.raises(DeviceMissing, match=message):
        takes_torch(prefer, "cpu", HERE["cpu alone"].__contains__)


def test_the_setting_reaches_the_engine(weights: dict[str, Path]) -> None:
    assert SERVICE.settings(engine="onnx").engine == "onnx"
    only = {"spleeter-2stems": weights["spleeter-2stems"]}
    with pytest.raises(DeviceMissing, match="use auto, onnx or torch"):
        load_engine(EngineContext(weights=only, prefer="tensorflow"))


def test_a_cpu_fallback_is_reported(weights: dict[str, Path], tmp_path: Path) -> None:
    only = {"spleeter-2stems": weights["spleeter-2stems"]}
    engine = load_engine(EngineContext(weights=only, threads=2, fallback=True))
    job, _ = make_job(tmp_path, mixture())
    result = handle(SeparationParams(), job, engine)
    assert result.device_note == "The GPU's memory ran out, so the CPU took over."
    assert result.engine.endswith(" cpu")
    assert note_of(EngineContext(), on_torch=True) == ""
    assert "another try." in note_of(EngineContext(segment=0.25), on_torch=False)


def test_the_official_file_is_verified(tmp_path: Path) -> None:
    """A graph of the store lies a folder below the file that it was made from."""
    source = checkpoint("tiny")
    content = read_manifest(MANIFEST).model_dump()
    (entry,) = (candidate for candidate in content["weights"] if candidate["name"] == "htdemucs")
    part = entry["parts"][0]
    part["bytes"] = source.stat().st_size
    part["sha256"] = hashlib.sha256(source.read_bytes()).hexdigest()
    manifest = WeightsManifest.model_validate(content)
    graph = tmp_path / "converted-0" / "htdemucs.onnx"
    with pytest.raises(BadNetwork, match=r"kit\.weights fetch separation --all"):
        official_file(graph, manifest)
    placed = tmp_path / part["file"]
    shutil.copy(source, placed)
    assert official_file(graph, manifest) == placed
    placed.write_bytes(placed.read_bytes()[:-1] + b"?")
    with pytest.raises(BadNetwork, match="damaged"):
        official_file(graph, manifest)
