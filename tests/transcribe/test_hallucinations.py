"""The guard: what nobody sang goes, what songs really do stays."""

import pytest

from contracts.transcribe import RemovalReason
from kit.arrays import F32
from services.transcribe.dsp import LevelEnvelope
from services.transcribe.hallucinations import filter_hallucinations
from services.transcribe.lines import Segment
from tests.transcribe.fake_speech import bursts, line

SECONDS = 30.0


def levels(*times: tuple[float, float]) -> F32:
    loudness = LevelEnvelope()
    loudness.feed(
        bursts(*times, seconds=SECONDS) + bursts((0, SECONDS), seconds=SECONDS, level=1e-5)
    )
    return loudness.levels()


SUNG = levels((0, SECONDS))


def reasons(*segments: Segment, voice: F32 = SUNG, separated: bool = True) -> list[RemovalReason]:
    _, removed = filter_hallucinations(list(segments), voice, separated=separated)
    return [entry.reason for entry in removed]


@pytest.mark.parametrize(
    "text",
    [
        "Open up the crate and dig.",
        "Thank you for the music, the songs I'm singing",
        "Oh oh oh oh oh oh",
        "You",
        "la la la la la la la la",
        "Don't you forget about me (don't you forget)",
        "I subscribe to the blues",
    ],
)
def test_what_is_sung_surely_is_kept(text: str) -> None:
    kept, removed = filter_hallucinations([line(text)], SUNG, separated=True)
    assert [entry.text for entry in kept] == [text]
    assert not removed


@pytest.mark.parametrize(
    "text",
    [
        "Subtitles by the Amara.org community",
        "Thanks for watching!",
        "Thank you so much for watching.",
        "Untertitelung des ZDF, 2020",
        "Sous-titres réalisés par la communauté",
        "Subtítulos realizados por la comunidad",
        "Субтитры сделал DimaTorzok",
        "字幕",
        "www.mooji.org",
        "Please subscribe to my channel.",
    ],
)
def test_credit_lines_go_however_sure_the_network_is(text: str) -> None:
    assert reasons(line(text, confidence=0.99)) == [RemovalReason.CREDIT]


@pytest.mark.parametrize("text", ["[Music]", "(upbeat music)", "♪", "♪♪ ♪", "*applause*", "..."])
def test_descriptions_are_no_words(text: str) -> None:
    assert reasons(line(text)) == [RemovalReason.ANNOTATION]


def test_words_where_the_voice_is_silent_go() -> None:
    output = levels((0, 5), (20, 25))
    quiet, sung = line("nothing is there", 10), line("something is there", 21)
    kept, removed = filter_hallucinations([quiet, sung], output, separated=True)
    assert kept == [sung]
    assert [(entry.segment, entry.reason) for entry in removed] == [(quiet, RemovalReason.SILENT)]


def test_a_faint_part_of_a_mix_is_no_proof_of_silence() -> None:
    loudness = LevelEnvelope()
    loudness.feed(bursts((0, 10), seconds=SECONDS) + bursts((10, 30), seconds=SECONDS, level=1e-3))
    faint = line("whispered to you", 15)
    assert reasons(faint, voice=loudness.levels()) == [RemovalReason.SILENT]
    assert reasons(faint, voice=loudness.levels(), separated=False) == []


def test_a_loop_is_cut_after_its_first_time() -> None:
    loop = line("and then " + "baby baby " * 12 + "goodbye", confidence=0.3)
    kept, removed = filter_hallucinations([loop], SUNG, separated=True)
    assert [entry.text for entry in kept] == ["and then baby goodbye"]
    assert [entry.reason for entry in removed] == [RemovalReason.REPEATED]
    assert removed[0].segment.text.split() == ["baby"] * 23


def test_a_phrase_in_a_loop_is_cut_as_a_phrase() -> None:
    loop = line("I can see you " * 6, confidence=0.4)
    kept, removed = filter_hallucinations([loop], SUNG, separated=True)
    assert [entry.text for entry in kept] == ["I can see you"]
    assert len(removed[0].segment.words) == 20


def test_what_leads_into_a_loop_goes_where_the_window_holds_nothing_else() -> None:
    loop = line("I'm gonna be " + "the one who's " * 30, each=0.08, compression=20.0)
    kept, removed = filter_hallucinations([loop, line("and then I went", 20)], SUNG, separated=True)
    assert [entry.text for entry in kept] == ["and then I went"]
    assert [(entry.segment, entry.reason) for entry in removed] == [(loop, RemovalReason.REPEATED)]


def test_a_loop_faster_than_anyone_sings_is_cut_however_sure() -> None:
    assert reasons(line("na " * 40, each=0.04)) == [RemovalReason.REPEATED]


def test_a_chorus_that_comes_back_is_kept_and_an_unsure_echo_is_not() -> None:
    chorus = [line("we will rock you", 1 + 2 * n, each=0.3) for n in range(6)]
    assert reasons(*chorus) == []
    doubted = [line("we will rock you", 1 + 2 * n, each=0.3, confidence=0.46) for n in range(6)]
    assert reasons(*doubted) == [RemovalReason.REPEATED] * 3


@pytest.mark.parametrize(
    "doubtful",
    [
        line("some words that are", confidence=0.2),
        line("some words that are", log_probability=-1.3),
        line("some words that are", log_probability=-0.8, no_speech=0.8),
        line("Thank you.", confidence=0.4),
        line("extraordinarily overcrowded unpronounceable", each=0.05),
    ],
    ids=["words", "tokens", "no speech", "filler", "too fast"],
)
def test_what_the_network_doubts_goes(doubtful: Segment) -> None:
    assert reasons(doubtful) == [RemovalReason.DOUBTFUL]


def test_a_loop_in_a_window_without_speech_goes_whole() -> None:
    assert reasons(line("one two", compression=9, no_speech=0.7)) == [RemovalReason.REPEATED]
    assert reasons(line("one two", compression=9, no_speech=0.3)) == []
    assert reasons(line("one two", compression=1.2, no_speech=0.7)) == []


def test_nothing_is_lost_and_the_order_stays() -> None:
    lines = [
        line("[Music]", 0),
        line("one two three", 2),
        line("Thanks for watching!", 5),
        line("four five six", 8),
        line("baby " * 8, 12, confidence=0.3),
    ]
    kept, removed = filter_hallucinations(lines, SUNG, separated=True)
    words = sum(len(segment.words) for segment in lines)
    assert sum(len(o.words) for o in kept) + sum(len(o.segment.words) for o in removed) == words
    assert [segment.start for segment in kept] == sorted(segment.start for segment in kept)
    assert [segment.segment.start for segment in removed] == sorted(
        segment.segment.start for segment in removed
    )


def test_no_levels_at_all() -> None:
    assert filter_hallucinations([], LevelEnvelope().levels(), separated=True) == ([], [])


def test_one_word_is_doubted_later_than_a_line() -> None:
    assert not reasons(line("Three.", confidence=0.17))
    assert reasons(line("Three blind mice", confidence=0.17)) == [RemovalReason.DOUBTFUL]
    assert reasons(line("You", confidence=0.05)) == [RemovalReason.DOUBTFUL]
    # What is written where nothing is sung stays doubted.
    assert reasons(line("You", confidence=0.17, no_speech=0.7)) == [RemovalReason.DOUBTFUL]
