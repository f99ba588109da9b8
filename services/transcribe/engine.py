"""What hears words: Whisper through CTranslate2, mono audio in, segments with words out.

The only module that imports faster-whisper. It is given arrays, never files: its decoder, PyAV,
holds codecs under the GPL and stays unused (docs/decisions/0003).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from kit.worker.engines import EngineContext
from kit.worker.outcomes import OutOfMemory, Rejected
from services.transcribe.lines import Float, Segment, Word


class Hearing(Protocol):
    """One network, ready to hear."""

    @property
    def description(self) -> str:
        """What runs the network."""
        ...

    @property
    def weights(self) -> str:
        """Which network."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Codes of what it understands."""
        ...

    def tell_language(self, audio: Float) -> Mapping[str, float]:
        """Return the probability of each language over at most 30 s of audio, `[samples]`."""
        ...

    def hear(self, audio: Float, *, language: str, beam: int) -> list[Segment]:
        """Return what is said in at most 30 s, `[samples]` at `lines.RATE`; times within it."""
        ...


class Engine(Protocol):
    """Gives networks by their name in `weights.toml`."""

    def open(self, weights: str) -> Hearing:
        """Return a network, loading it when it is not the one in use.

        Raises
        ------
        Rejected
            These weights are not here; the message is how to fetch them.
        """
        ...


class Whisper:
    """One of OpenAI's Whisper networks (Radford et al., 2022), in CTranslate2's format."""

    def __init__(self, name: str, folder: Path, context: EngineContext) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel

        cuda = context.device == "cuda"
        self._network = WhisperModel(
            str(folder),
            device="cuda" if cuda else "cpu",
            compute_type="int8_float16" if cuda else "int8",
            cpu_threads=context.threads,
            local_files_only=True,
        )
        # Each reading that is followed takes its share of the device's memory.
        self._share = context.segment
        self._seed = ctranslate2.set_random_seed
        self.weights = name
        self.description = f"ctranslate2 {ctranslate2.__version__} {'cuda' if cuda else 'cpu'} int8"
        self.languages = frozenset(self._network.supported_languages)

    def tell_language(self, audio: Float) -> Mapping[str, float]:
        """Return the probability of each language."""
        with memory_watched():
            _, _, told = self._network.detect_language(audio)
        return dict(told)

    def hear(self, audio: Float, *, language: str, beam: int) -> list[Segment]:
        """Return what is said."""
        # A second reading is drawn at random where the first one failed: always the same draw.
        self._seed(0)
        with memory_watched():
            told, _ = self._network.transcribe(
                audio,
                language=language,
                beam_size=max(1, int(beam * self._share)),
                temperature=(0.0, 0.4),
                # What was heard before draws the network into loops more often than it helps.
                condition_on_previous_text=False,
                word_timestamps=True,
                vad_filter=False,
            )
            found = list(told)
        return [
            Segment(
                words=tuple(
                    Word(word.word, float(word.start), float(word.end), float(word.probability))
                    for word in segment.words
                ),
                log_probability=float(segment.avg_logprob),
                no_speech=float(segment.no_speech_prob),
                compression=float(segment.compression_ratio),
            )
            for segment in found
            if segment.words
        ]


@contextmanager
def memory_watched() -> Iterator[None]:
    """Name the end of a device's memory for what it is.

    Raises
    ------
    OutOfMemory
        CTranslate2 could not have the memory that it asked for.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        told = str(error).casefold()
        if isinstance(error, MemoryError) or "out of memory" in told or "bad_alloc" in told:
            raise OutOfMemory(
                "out_of_memory",
                "The device has too little memory for this network; ask for a smaller beam.",
            ) from error
        raise


class Networks:
    """Keeps the network that was asked for last."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._open: Whisper | None = None

    def open(self, weights: str) -> Hearing:
        """Return a network, loading it when it is not the one in use."""
        if self._open is None or self._open.weights != weights:
            folder = self._context.weights.get(weights)
            if folder is None:
                here = ", ".join(sorted(self._context.weights))
                raise Rejected(
                    "missing_weights",
                    f"The weights {weights!r} are not here; there are: {here}. If the service's "
                    "weights.toml lists them, the operator fetches them with: "
                    "python -m kit.weights fetch --all transcribe",
                )
            # One at a time: the one before makes room first.
            self._open = None
            with memory_watched():
                self._open = Whisper(weights, folder, self._context)
        return self._open


def load_engine(context: EngineContext) -> Engine:
    """Load the default network on the device that was chosen; others when they are asked for."""
    engine = Networks(context)
    engine.open("whisper-base")
    return engine
