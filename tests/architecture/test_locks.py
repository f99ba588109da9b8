"""Every image has a lock, and no image has both of the engines that exclude each other."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GPU = [path for path in LOCKS if path.stem.endswith("-gpu")]


def packages(path: Path) -> set[str]:
    """Return what a lock installs."""
    return set(ENTRY.findall(path.read_text(encoding="utf-8")))


def test_cpu_and_gpu_exclude_each_other() -> None:
    extras = {
        frozenset(entry["extra"] for entry in pair) for pair in PROJECT["tool"]["uv"]["conflicts"]
    }
    assert frozenset({"cpu", "gpu"}) in extras


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_holds_one_onnx_runtime_and_a_digest_of_everything(lock: Path) -> None:
    there = packages(lock)
    assert not {"onnxruntime", "onnxruntime-gpu"} <= there
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8").strip()):
        if not entry.startswith(("#", "-")):
            assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_there_are_locks_for_gpus() -> None:
    assert {path.stem for path in GPU} >= {"midi-gpu", "separation-gpu"}


@pytest.mark.parametrize("lock", GPU, ids=lambda path: path.stem)
def test_a_lock_for_gpus_is_that_of_an_image(lock: Path) -> None:
    word = lock.stem.removesuffix("-gpu")
    there = packages(lock)
    assert "onnxruntime-gpu" in there
    assert any(name.startswith("nvidia-cudnn") for name in there), "CUDA's libraries come along"
    assert "openvino" not in there
    assert word in PROJECT["project"]["optional-dependencies"]
    # Apart from what runs the networks, it is the lock of the image for CPUs.
    engines = {"onnxruntime", "onnxruntime-gpu", "openvino"}
    for_cpus = packages(ROOT / "requirements" / f"{word}.txt") - engines
    assert for_cpus <= there
    assert (ROOT / "services" / word).is_dir(), "the Dockerfile finds the service by this name"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_torch_is_in_no_image(lock: Path) -> None:
    forbidden = {"torch", "demucs", "openai-whisper", "tensorflow", "basic-pitch", "transkun"}
    assert not packages(lock) & forbidden
