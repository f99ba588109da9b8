"""Windows: all audio is heard once, in bounded memory, and silence is not heard at all."""

import numpy as np
import pytest

from kit.arrays import Mono
from services.transcribe.lines import RATE, Segment, WindowTranscript, Word
from services.transcribe.streaming import EARLIEST_CUT, WINDOW, SpeechTranscriber
from tests.transcribe.fake_speech import FakeNetwork, bursts


def run_transcriber(
    audio: Mono, network: FakeNetwork, *, language: str | None = "en", block: int = 50_000
) -> SpeechTranscriber:
    transcriber = SpeechTranscriber(network, language, 5, loudest_db=-15.0)
    for first in range(0, len(audio), block):
        list(transcriber.feed(audio[first : first + block]))
    list(transcriber.finish())
    return transcriber


@pytest.mark.parametrize("seconds", [0.5, 29.0, 30.0, 31.0, 95.3])
def test_every_sample_is_transcribed_once(seconds: float) -> None:
    network = FakeNetwork()
    audio = bursts((0, seconds), seconds=seconds)
    run_transcriber(audio, network)
    assert sum(network.lengths) == len(audio)
    assert all(EARLIEST_CUT < length <= WINDOW for length in network.lengths[:-1])


def test_windows_do_not_depend_on_the_blocks() -> None:
    audio = bursts((0, 21), (22, 50), (51, 100), seconds=100)
    small, large = FakeNetwork(), FakeNetwork()
    run_transcriber(audio, small, block=777)
    run_transcriber(audio, large, block=len(audio))
    assert small.lengths == large.lengths


def test_times_are_those_of_the_stream() -> None:
    transcriber = SpeechTranscriber(FakeNetwork(), "en", 5, loudest_db=-15.0)
    audio = bursts((0, 24.4), (25, 40), seconds=40)
    result = [*transcriber.feed(audio), *transcriber.finish()]
    starts = [segment.start for segment in result]
    assert starts == sorted(starts)
    after = next(start for start in starts if start > 24)
    assert 24.4 < after < 25.0
    assert result[-1].end <= 40


def test_the_rest_of_a_pass_joins_the_next_window() -> None:
    network = FakeNetwork(max_seconds=18.0)
    transcriber = SpeechTranscriber(network, "en", 5, loudest_db=-15.0)
    audio = bursts((0, 70), seconds=70)
    result = [*transcriber.feed(audio), *transcriber.finish()]
    # Every second once, and no few seconds alone but the last.
    assert [segment.start for segment in result] == [float(n) for n in range(70)]
    assert all(length > EARLIEST_CUT for length in network.lengths[:3])
    assert len(network.lengths) == 4


def occurrences_of(first: Word, *, max_seconds: float = 18.0) -> list[str]:
    """Transcribe windows that each begin with a word; return every occurrence of it kept."""

    class Tailed(FakeNetwork):
        def run(self, audio: Mono, *, language: str, beam: int) -> WindowTranscript:
            output = super().run(audio, language=language, beam=beam)
            before = Segment((first,), -0.3, 0.0, 1.2)
            return WindowTranscript([before, *output.segments[1:]], output.until)

    transcriber = SpeechTranscriber(Tailed(max_seconds=max_seconds), "en", 5, loudest_db=-15.0)
    result = [*transcriber.feed(bursts((0, 50), seconds=50)), *transcriber.finish()]
    return [word.text for segment in result for word in segment.words if word.text == first.text]


def test_the_tail_of_a_windows_last_word_is_no_word() -> None:
    # Three windows: the first one begins nothing anew.
    assert len(occurrences_of(Word("tool", 0.0, 0.08, 0.01))) == 1
    # A word that is believed, is longer or comes later is one; nothing is left over at a cut.
    assert len(occurrences_of(Word("thy", 0.0, 0.08, 0.9))) == 3
    assert len(occurrences_of(Word("pity", 0.0, 0.76, 0.2))) == 3
    assert len(occurrences_of(Word("a", 0.1, 0.18, 0.01))) == 3
    assert len(occurrences_of(Word("tool", 0.0, 0.08, 0.01), max_seconds=1e9)) == 2


def test_a_rest_without_sound_is_left() -> None:
    network = FakeNetwork(max_seconds=18.0)
    run_transcriber(bursts((0, 18), seconds=29), network)
    assert len(network.lengths) == 1


def test_a_pass_that_hardly_went_anywhere_leads_on() -> None:
    network = FakeNetwork(max_seconds=0.0)
    run_transcriber(bursts((0, 95), seconds=95), network)
    assert sum(network.lengths) == 95 * RATE


def test_silence_is_not_transcribed() -> None:
    network = FakeNetwork()
    audio = np.concatenate([np.zeros(70 * RATE, np.float32), bursts((0, 20), seconds=20)])
    transcriber = run_transcriber(audio, network, language=None)
    assert 0 < sum(network.lengths) < 45 * RATE
    assert network.languages_run >= 1
    assert transcriber.detected == ("en", 0.9)
    nothing = FakeNetwork()
    assert run_transcriber(np.zeros(5 * RATE, np.float32), nothing, language=None).detected is None
    assert nothing.lengths == []


def test_a_language_is_settled_by_the_first_windows() -> None:
    doubt = ({"en": 0.5, "de": 0.4}, {"de": 0.7, "en": 0.2}, {"de": 0.6, "en": 0.3})
    network = FakeNetwork(doubt)
    transcriber = run_transcriber(bursts((0, 150), seconds=150), network, language=None)
    assert network.languages_run == 3
    assert network.spoken[:2] == ["en", "de"]
    language, sure = transcriber.detected or ("", 0.0)
    assert language == "de"
    assert sure == pytest.approx(1.7 / 3)
    certain = FakeNetwork(({"en": 0.98},))
    run_transcriber(bursts((0, 90), seconds=90), certain, language=None)
    assert certain.languages_run == 1


def test_memory_does_not_grow_with_length() -> None:
    transcriber = SpeechTranscriber(FakeNetwork(), "en", 5, loudest_db=-15.0)
    block = bursts((0, 5), seconds=5)
    held = []
    for _ in range(60):
        for _ in transcriber.feed(block):
            pass
        held.append(len(transcriber._audio))
    assert max(held) <= WINDOW
    # What is kept of an hour's levels is one float for every 10 ms.
    assert transcriber.loudness.levels().nbytes == pytest.approx(300 * 100 * 4, rel=0.01)
