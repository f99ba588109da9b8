"""Whisper on PyTorch, by OpenAI's own package.

The only module that imports them. Weights come from the weights store in either format; this
project's own readers read both, so no code in them is executed.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper
from whisper.tokenizer import LANGUAGES

from kit.arrays import Mono
from kit.weights.checkpoints import read_torch
from kit.worker.engines import EngineContext
from services.transcribe.lines import NOTHING, RATE, SPAN, Segment, WindowTranscript, Word
from services.transcribe.memory import memory_watched
from services.transcribe.networks.checkpoint import WhisperCheckpoint, read_checkpoint
from services.transcribe.words import join_words


def read(path: Path) -> WhisperCheckpoint:
    """Read a folder in CTranslate2's format, or a `.pt` as OpenAI publishes it.

    Raises
    ------
    kit.weights.checkpoints.CheckpointError
        The file is damaged or not a Whisper checkpoint.
    """
    if path.is_dir():
        return read_checkpoint(path)
    checkpoint = read_torch(path, state="model_state_dict")
    return WhisperCheckpoint(dict(checkpoint.config["dims"]), checkpoint.tensors, ())


def build(checkpoint: WhisperCheckpoint) -> Any:
    """Return the package's own network with loaded weights, in evaluation mode."""
    network = whisper.model.Whisper(whisper.model.ModelDimensions(**checkpoint.dims))
    network.load_state_dict(
        {
            name: torch.from_numpy(np.array(array, np.float32))
            for name, array in checkpoint.tensors.items()
        }
    )
    if checkpoint.alignment:
        dims = network.dims
        heads = torch.zeros(dims.n_text_layer, dims.n_text_head, dtype=torch.bool)
        for layer, head in checkpoint.alignment:
            heads[layer, head] = True
        network.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    return network.eval()


def fill_with_silence(_: Any, inputs: tuple[Any]) -> tuple[Any]:
    """Encoder hook: pad windows with silence, see `engines.faster.with_silent_rest`."""
    (features,) = inputs
    there = (features != 0).any(dim=-2, keepdim=True)
    loudest = torch.where(there, features, NOTHING).amax(dim=(-2, -1), keepdim=True)
    return (torch.where(there, features, (loudest - SPAN).clamp(min=NOTHING)),)


class OpenAiWhisper:
    """One of OpenAI's Whisper networks (Radford et al., 2022), in OpenAI's own package."""

    def __init__(self, name: str, path: Path, context: EngineContext, *, note: str = "") -> None:
        self._cuda = context.device == "cuda"
        device = "cuda" if self._cuda else "cpu"
        if not self._cuda:
            torch.set_num_threads(context.threads)
        with memory_watched():
            self._network = build(read(path)).to(device)
        self._network.encoder.register_forward_pre_hook(fill_with_silence)
        self._share = context.segment
        self.weights = name
        kind = "float16" if self._cuda else "float32"
        self.description = f"openai-whisper {version('openai-whisper')} {device} {kind}" + (
            f" ({note})" if note else ""
        )
        self.languages = frozenset(LANGUAGES if self._network.is_multilingual else ["en"])

    def run_language(self, audio: Mono) -> Mapping[str, float]:
        """Return the probability of each language."""
        if not self._network.is_multilingual:
            return {"en": 1.0}
        padded = whisper.pad_or_trim(audio)
        mel = whisper.log_mel_spectrogram(padded, self._network.dims.n_mels)
        with memory_watched(), torch.no_grad():
            _, probabilities = self._network.detect_language(mel.to(self._network.device))
        return {str(code): float(probability) for code, probability in probabilities.items()}

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        """Transcribe a window."""
        torch.manual_seed(0)
        with memory_watched():
            transcript = whisper.transcribe(
                self._network,
                audio,
                language=language,
                beam_size=max(1, int(beam * self._share)),
                best_of=5,
                temperature=(temperature,) if temperature else (0.0, 0.4),
                condition_on_previous_text=False,
                word_timestamps=True,
                fp16=self._cuda,
                verbose=None,
            )
        segments = [
            Segment(
                words=join_words(
                    Word(word["word"], *(float(word[k]) for k in ("start", "end", "probability")))
                    for word in segment["words"]
                ),
                log_probability=float(segment["avg_logprob"]),
                no_speech=float(segment["no_speech_prob"]),
                compression=float(segment["compression_ratio"]),
            )
            for segment in transcript["segments"]
            if segment["words"]
        ]
        return WindowTranscript(segments, len(audio) / RATE)
