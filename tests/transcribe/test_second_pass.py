"""What looks invented is heard again: refrains and thanks that are there stay, loops go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from contracts.transcribe import RemovalReason
from kit.arrays import F32, Mono
from services.transcribe.doubts import TEMPERATURE, confirm, looks_invented, looks_looped
from services.transcribe.hallucinations import filter_hallucinations
from services.transcribe.lines import RATE, Segment, WindowTranscript
from services.transcribe.streaming import SpeechTranscriber
from tests.transcribe.fake_speech import bursts, line

SUNG = bursts((0, 24), seconds=24)
MIX = bursts((0, 24), seconds=24, level=0.3)
REFRAIN = [line("we will dig the crates again", 1 + 3.5 * n, confidence=0.99) for n in range(6)]
PACKED = [line("we will dig", 1 + 3.5 * n, confidence=0.99, compression=3.0) for n in range(6)]
LOOP = [line("baby come on " * 20, 0.5, each=0.38, confidence=0.99, compression=8.0)]


@dataclass
class Scripted:
    """A network whose output a test scripts, by the length of the audio and the temperature."""

    script: Callable[[F32, float], list[Segment]]
    weights: str = "scripted"
    description: str = "by hand"
    languages: frozenset[str] = frozenset({"en"})
    runs: list[tuple[int, float]] = field(default_factory=list)

    def run_language(self, audio: Mono) -> Mapping[str, float]:
        return {"en": 1.0}

    def run(
        self, audio: Mono, *, language: str, beam: int, temperature: float = 0.0
    ) -> WindowTranscript:
        self.runs.append((len(audio), temperature))
        return WindowTranscript(self.script(audio, temperature), len(audio) / RATE)


def segments_between(segments: list[Segment], first: float, last: float) -> list[Segment]:
    """Return the segments between two times, counted from the first."""
    return [
        line(segment.text, segment.start - first, each=0.4, confidence=0.9)
        for segment in segments
        if first <= segment.start and segment.end <= last
    ]


def transcribe(network: Scripted, mix: F32 | None = None) -> tuple[list[str], list[RemovalReason]]:
    transcriber = SpeechTranscriber(network, "en", 1, loudest_db=-20.0)
    lines = [*transcriber.feed(SUNG, mix), *transcriber.finish()]
    kept, removed = filter_hallucinations(
        lines, transcriber.loudness.levels(), separated=True, loudest_db=-20.0
    )
    return [segment.text for segment in kept], [segment.reason for segment in removed]


def test_a_refrain_that_another_cut_holds_too_stays() -> None:
    for refrain in (REFRAIN, PACKED):

        def script(
            audio: Mono, temperature: float, refrain: list[Segment] = refrain
        ) -> list[Segment]:
            if len(audio) == len(SUNG):
                return refrain
            # The first piece begins with the window, the second one ends with it.
            first = 0.0 if np.array_equal(audio, SUNG[: len(audio)]) else 24 - len(audio) / RATE
            return segments_between(refrain, first, first + len(audio) / RATE)

        assert looks_looped(refrain)
        kept, removed = transcribe(Scripted(script))
        assert len(kept) >= 5
        assert kept == [segment.text for segment in refrain]
        assert not removed


def test_a_believed_loop_gives_way_to_what_the_mix_holds() -> None:
    sung = [line("something else is sung here", 2.0)]

    def script(audio: Mono, temperature: float) -> list[Segment]:
        if np.array_equal(audio, MIX[: len(audio)]):
            return sung
        return LOOP if len(audio) == len(SUNG) else []

    network = Scripted(script)
    assert transcribe(network, MIX) == (["something else is sung here"], [])
    assert (len(SUNG), TEMPERATURE) in network.runs
    kept, removed = transcribe(Scripted(script))
    assert kept == []
    assert removed == [RemovalReason.REPEATED]


def test_a_loop_that_goes_on_at_another_rate_in_another_cut_is_no_refrain() -> None:
    faster = [line("baby come on " * 20, 0.2, each=0.15, confidence=0.99, compression=8.0)]
    assert not any(segment.confirmed for segment in confirm(LOOP, [*faster, *faster]))


def test_spoken_thanks_stay_and_hallucinated_ones_go() -> None:
    thanks = line("Thank you so much for listening, and good night everybody", 3.0)

    def repeated(audio: Mono, temperature: float) -> list[Segment]:
        first = 0.0 if np.array_equal(audio, SUNG[: len(audio)]) else 24 - len(audio) / RATE
        return segments_between([thanks], first, first + len(audio) / RATE)

    assert looks_invented([thanks])
    assert transcribe(Scripted(repeated)) == ([thanks.text], [])

    def once(audio: Mono, temperature: float) -> list[Segment]:
        return [thanks] if len(audio) == len(SUNG) else []

    assert transcribe(Scripted(once)) == ([], [RemovalReason.CREDIT])


def test_thanks_that_a_second_pass_doubts_go() -> None:
    doubted = line("Thanks for watching!", log_probability=-0.8)

    def script(audio: Mono, temperature: float) -> list[Segment]:
        first = np.array_equal(audio, SUNG[: len(audio)])
        return [doubted] if first else []

    assert transcribe(Scripted(script)) == ([], [RemovalReason.CREDIT])


def test_plausible_text_is_transcribed_once() -> None:
    network = Scripted(lambda audio, temperature: [line("open up the crate")])
    transcribe(network)
    assert network.runs == [(len(SUNG), 0.0)]
