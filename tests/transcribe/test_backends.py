"""Which library runs on which device, and what is said where the wish cannot be had."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kit.inference.errors import DeviceMissing
from kit.worker.engines import EngineContext
from kit.worker.outcomes import OutOfMemory, Rejected
from services.transcribe.backends import choose
from services.transcribe.engine import Networks, SpeechNetwork, load_engine
from tests.transcribe.fake_speech import FakeNetwork


def has(*names: str) -> Callable[[str], bool]:
    return lambda name: name in names


BOTH = has("torch", "openai-whisper")


def never() -> int:
    raise AssertionError("no GPU is looked for where none is asked for")


@pytest.mark.parametrize("packages", [has(), BOTH], ids=["without torch", "with torch"])
def test_ctranslate2_is_taken_where_it_can_run(packages: Callable[[str], bool]) -> None:
    assert choose("auto", "cpu", gpus=never, has=packages) == ("ctranslate2", "cpu", "")
    assert choose("auto", "cuda", gpus=lambda: 1, has=packages) == ("ctranslate2", "cuda", "")
    assert choose("ctranslate2", "cuda", gpus=lambda: 2, has=packages)[:2] == (
        "ctranslate2",
        "cuda",
    )


def test_a_gpu_that_only_pytorch_can_use_is_left_to_it() -> None:
    assert choose("auto", "cuda", gpus=lambda: 0, has=BOTH) == ("openai", "cuda", "")


@pytest.mark.parametrize(
    ("prefer", "packages"), [("auto", has("torch")), ("auto", has()), ("ctranslate2", BOTH)]
)
def test_without_a_gpu_backend_the_cpu_works_and_the_result_notes_it(
    prefer: str, packages: Callable[[str], bool]
) -> None:
    library, device, note = choose(prefer, "cuda", gpus=lambda: 0, has=packages)
    assert (library, device) == ("ctranslate2", "cpu")
    assert "GPU" in note


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_openai_whisper_runs_on_request(device: str) -> None:
    assert choose("openai", device, gpus=never, has=BOTH) == ("openai", device, "")


@pytest.mark.parametrize("packages", [has(), has("torch"), has("openai-whisper")])
def test_what_is_not_installed_is_named(packages: Callable[[str], bool]) -> None:
    with pytest.raises(DeviceMissing, match="openai-whisper is not installed"):
        choose("openai", "cpu", gpus=never, has=packages)


def test_an_unknown_engine_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(DeviceMissing, match=r"'torch'; use auto, ctranslate2 or openai"):
        choose("torch", "cpu", gpus=never)


def test_a_gpu_that_is_not_there_leaves_the_processor(weights: dict[str, Path]) -> None:
    engine = load_engine(EngineContext(weights=weights, device="cuda", threads=2))
    network = engine.open("whisper-base")
    if " cuda " in network.description:
        pytest.skip("there is a GPU here")
    assert " cpu " in network.description
    assert "no GPU" in network.description


def test_a_cpu_fallback_is_noted_in_the_result(weights: dict[str, Path]) -> None:
    engine = load_engine(EngineContext(weights=weights, threads=2, fallback=True))
    assert "memory ran out" in engine.name
    assert "whisper-base" in engine.name


def test_one_network_at_a_time_is_kept() -> None:
    opened: list[str] = []

    def opener(name: str, path: Path) -> SpeechNetwork:
        opened.append(name)
        return FakeNetwork(weights=name)

    networks = Networks({"a": Path("a"), "b": Path("b")}, opener)
    assert networks.open("a") is networks.open("a")
    networks.open("b")
    networks.open("a")
    assert opened == ["a", "b", "a"]
    with pytest.raises(
        Rejected, match=r"'c' are not on this worker; it has: a, b.*fetch --all transcribe"
    ):
        networks.open("c")


def test_memory_that_ends_while_loading_has_its_name() -> None:
    def opener(name: str, path: Path) -> SpeechNetwork:
        raise RuntimeError("CUDA failed with error out of memory")

    with pytest.raises(OutOfMemory):
        Networks({"a": Path("a")}, opener).open("a")
