"""Which device is taken, and what is said where it cannot be had."""

from pathlib import Path

import pytest

from embedded.inventory import SERVICES
from kit.inference.devices import NoSuchDevice, available_device
from kit.service import WorkerService

HERE = Path(__file__)
NOWHERE = HERE.with_name("no such driver")


def has(*names: str) -> "frozenset[str]":
    return frozenset(names)


@pytest.mark.parametrize(
    ("expected", "driver", "there", "device"),
    [
        ("cpu", HERE, has("onnxruntime-gpu"), "cpu"),
        ("auto", NOWHERE, has("onnxruntime-gpu"), "cpu"),
        ("auto", HERE, has("onnxruntime"), "cpu"),
        ("auto", HERE, has("onnxruntime-gpu"), "cuda"),
        ("cuda", HERE, has("onnxruntime-gpu"), "cuda"),
    ],
)
def test_the_device_is_chosen(
    expected: str, driver: Path, there: frozenset[str], device: str
) -> None:
    assert available_device(expected, driver=driver, has=there.__contains__) == device


@pytest.mark.parametrize(
    ("expected", "driver", "there", "message"),
    [
        ("cuda", NOWHERE, has("onnxruntime-gpu"), "no NVIDIA driver"),
        ("cuda", HERE, has("onnxruntime"), "onnxruntime-gpu is installed"),
        ("tpu", HERE, has("onnxruntime-gpu"), "cpu, cuda or auto"),
    ],
)
def test_a_device_that_cannot_be_had_is_refused(
    expected: str, driver: Path, there: frozenset[str], message: str
) -> None:
    with pytest.raises(NoSuchDevice, match=message):
        available_device(expected, driver=driver, has=there.__contains__)


@pytest.mark.parametrize(
    ("word", "alone", "device"),
    [
        ("midi", "onnxruntime-gpu", "cuda"),
        ("midi", "torch", "cpu"),
        ("tagging", "torch", "cpu"),
        ("separation", "torch", "cuda"),
        ("transcribe", "ctranslate2", "cuda"),
        ("transcribe", "onnxruntime-gpu", "cpu"),
    ],
)
def test_a_service_takes_a_gpu_only_where_its_own_engine_can(
    word: str, alone: str, device: str
) -> None:
    (service,) = (s for s in SERVICES if isinstance(s, WorkerService) and s.word == word)
    result = available_device("auto", service.gpu, driver=HERE, has=has(alone).__contains__)
    assert result == device
