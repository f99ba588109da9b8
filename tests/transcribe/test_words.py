"""Words keep the spaces that they are written with, and no character is torn."""

import itertools
import json
from pathlib import Path

import pytest

from services.transcribe import writers
from services.transcribe.lines import Segment, Word
from services.transcribe.words import join_words


def tokens(*texts: str) -> list[Word]:
    return [
        Word(text, float(number), number + 1.0, 0.5 + 0.1 * (number % 2))
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("inputs", "joined"),
    [
        ((" Quand", " l", "'amour", " vient"), [" Quand", " l'amour", " vient"]),
        ((" aujourd", "'hui", " rendez", "-vous"), [" aujourd'hui", " rendez-vous"]),
        (("東", "京", "の", "夜"), ["東", "京", "の", "夜"]),
        # Thai: a vowel before its consonant, marks above, and a vowel after it.
        (("เ", "ธ", "อ"), ["เธ", "อ"]),
        (("น", "\u0e49", "ำ"), ["น\u0e49ำ"]),
        (("ท", "ี", "่"), ["ที่"]),
        # Lao, Burmese and Khmer tear in the same way.
        (("ນ", "້", "ຳ"), ["ນ້ຳ"]),
        (("က", "ာ"), ["ကာ"]),
        (("Love", "を", "こ"), ["Love", "を", "こ"]),
        ((" one", " two"), [" one", " two"]),
    ],
)
def test_what_belongs_together_is_one_word(inputs: tuple[str, ...], joined: list[str]) -> None:
    words = join_words(tokens(*inputs))
    assert [word.text for word in words] == joined
    assert "".join(word.text for word in words) == "".join(inputs)
    assert words[0].start == 0.0
    assert words[-1].end == len(inputs)
    assert all(a.end <= b.start for a, b in itertools.pairwise(words))
    assert all(0.5 <= word.confidence <= 0.6 for word in words)


@pytest.mark.parametrize(
    ("inputs", "row"),
    [
        (("東", "京", "の", "夜"), "<00:00.00>東<00:01.00>京<00:02.00>の<00:03.00>夜 <00:04.00>"),
        (("ท", "ี", "่", "เ", "ธ", "อ"), "<00:00.00>ที่<00:03.00>เธ<00:05.00>อ <00:06.00>"),
        ((" l", "'amour", " vient"), "<00:00.00> l'amour <00:02.00> vient <00:03.00>"),
    ],
    ids=["Japanese", "Thai", "French"],
)
def test_enhanced_lrc_has_a_space_only_where_the_word_had_one(
    tmp_path: Path, inputs: tuple[str, ...], row: str
) -> None:
    lyrics = writers.Lyrics(
        title="t",
        language="xx",
        duration=9,
        lines=[Segment(join_words(tokens(*inputs)), -0.2, 0.1, 1.2)],
        removed=[],
        engine="e",
        weights="w",
    )
    writers.write_lrc(tmp_path / "l.lrc", lyrics, words=True)
    rows = (tmp_path / "l.lrc").read_text(encoding="utf-8").splitlines()
    assert rows[-1] == f"[00:00.00] {row}"
    writers.write_json(tmp_path / "l.json", lyrics)
    (line,) = json.loads((tmp_path / "l.json").read_text(encoding="utf-8"))["lines"]
    spaced = "".join(" " * word["space_before"] + word["text"] for word in line["words"])
    assert spaced.strip() == line["text"]
