"""Two transcripts of one recording: the surer passages stay, and loops do not win."""

from dataclasses import replace

from services.transcribe.lines import Segment
from services.transcribe.passages import merge_transcripts
from tests.transcribe.fake_speech import line


def texts(lines: list[Segment]) -> list[str]:
    return [each.text for each in lines]


def joined(*lines: Segment) -> Segment:
    return replace(lines[0], words=tuple(word for each in lines for word in each.words))


def test_each_passage_is_from_the_surer_transcript() -> None:
    stem = [line("soy un fantasma", 1.0, confidence=0.9), line("en hueso", 5.0, confidence=0.4)]
    song = [line("sol un fan ta", 1.0, confidence=0.5), line("un hueco", 5.0, confidence=0.8)]
    lines, words = merge_transcripts(stem, song)
    assert texts(lines) == ["soy un fantasma", "un hueco"]
    assert words == 2


def test_a_better_passage_inside_a_line_does_not_divide_it() -> None:
    stem = [joined(line("open the", 1.0), line("crane", 3.0, confidence=0.3))]
    song = [joined(line("hope at", 1.0, confidence=0.5), line("crate", 3.0))]
    lines, words = merge_transcripts(stem, song)
    assert texts(lines) == ["open the crate"]
    assert words == 1


def test_what_only_the_song_has_is_left_out() -> None:
    lines, words = merge_transcripts([line("one", 1.0)], [line("oh oh oh", 4.0, confidence=1.0)])
    assert texts(lines) == ["one"]
    assert words == 0
    assert merge_transcripts([], [line("oh oh", 4.0)]) == ([], 0)


def test_a_passage_with_far_more_words_is_a_loop() -> None:
    stem = [line("sing it", 1.0, each=2.0, confidence=0.5)]
    song = [line("oh " * 10, 1.0, confidence=0.99)]
    assert texts(merge_transcripts(stem, song)[0]) == ["sing it"]


def test_a_passage_that_begins_inside_a_line_of_the_song_begins_a_line() -> None:
    song = [joined(line("oh", 1.0), line("right", 3.0))]
    assert texts(merge_transcripts([line("wrong", 3.0, confidence=0.3)], song)[0]) == ["right"]
