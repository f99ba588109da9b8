"""OpenAI's own program as the engine, where it is installed.

The reference environment of `benchmarks/transcribe.py` has it; there this file is run by
`.venv-reference-transcribe/bin/python -m pytest tests/transcribe/test_openai.py`.
"""

import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from kit.audio.decode import read as read_audio
from kit.worker.engines import EngineContext
from services.transcribe.engine import load_engine
from services.transcribe.lines import RATE
from services.transcribe.networks.checkpoint import read_checkpoint

pytestmark = [
    pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed"),
    pytest.mark.skipif(find_spec("whisper") is None, reason="openai-whisper is not installed"),
    # Its compilers, and torch's own, warn of each other.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(600),
]

VOICE = Path(__file__).parents[2] / "examples" / "song" / "voice.flac"


def voice(seconds: float) -> np.ndarray:
    return read_audio(VOICE, RATE, mono=True)[0][: round(seconds * RATE)]


def test_it_transcribes_like_ctranslate2(weights: dict[str, Path]) -> None:
    audio = voice(8)
    output = [
        load_engine(EngineContext(weights=weights, threads=2, prefer=name))
        .open("whisper-base")
        .run(audio, language="en", beam=1)
        for name in ("openai", "ctranslate2")
    ]
    texts = [[line.text for line in transcript.segments] for transcript in output]
    assert texts[0] == texts[1]
    starts = [
        [word.start for line in transcript.segments for word in line.words] for transcript in output
    ]
    assert starts[0] == pytest.approx(starts[1], abs=0.05)
    sure = [transcript.segments[0].log_probability for transcript in output]
    assert sure[0] == pytest.approx(sure[1], abs=0.02)


def test_the_weights_are_the_same_network(weights: dict[str, Path]) -> None:
    import ctranslate2
    import torch
    from faster_whisper import WhisperModel

    from services.transcribe.engines.openai import build

    folder = weights["whisper-base"]
    theirs = WhisperModel(str(folder), compute_type="float32", local_files_only=True)
    features = np.random.default_rng(3).uniform(-1, 1, (1, 80, 3000)).astype(np.float32)
    encoded = np.asarray(theirs.model.encode(ctranslate2.StorageView.from_array(features)))
    with torch.no_grad():
        ours = build(read_checkpoint(folder)).encoder(torch.from_numpy(features)).numpy()
    error = float(np.square(encoded - ours).mean()) / float(np.square(ours).mean())
    assert 10 * math.log10(error) < -80


def test_the_language_is_detected(weights: dict[str, Path]) -> None:
    engine = load_engine(EngineContext(weights=weights, threads=2, prefer="openai"))
    hearing = engine.open("whisper-base")
    probabilities = hearing.run_language(voice(20))
    assert max(probabilities, key=lambda code: probabilities[code]) == "en"
    assert sum(probabilities.values()) == pytest.approx(1, abs=0.01)
    assert hearing.description.startswith("openai-whisper ")


def test_an_official_file_is_read_without_running_it(
    weights: dict[str, Path], tmp_path: Path
) -> None:
    import torch

    result = read_checkpoint(weights["whisper-base"])
    state = {name: torch.from_numpy(np.array(array)) for name, array in result.tensors.items()}
    path = tmp_path / "base.pt"
    torch.save({"dims": dict(result.dims), "model_state_dict": state}, path)
    engine = load_engine(
        EngineContext(weights={**weights, "base": path}, threads=2, prefer="openai")
    )
    output = engine.open("base").run(voice(4), language="en", beam=1)
    assert output.segments[0].text.lower().startswith("open up the crate")
