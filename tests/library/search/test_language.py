"""The query language: what each part means, and that any text is a query."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.items import ItemKind
from contracts.music import Stem
from contracts.search import (
    MAX_ALTERNATIVES,
    MAX_TERMS,
    SOUND_WORDS,
    KeyFilter,
    KeyMatch,
    MeasuredField,
    SearchGroup,
    SearchQuery,
    Sort,
    SortField,
    Term,
    TimeRange,
    ValueRange,
)
from contracts.tagging import SoundClass
from kit.http.errors import ProblemError
from services.library.search.language import format_query, parse_query
from services.library.search.limits import check
from services.library.search.parts import MAX_GROUP_DEPTH
from services.library.search.text import normalized, words_of
from services.library.search.values import accepted_keys, key_name, read_key, read_limits
from tests.architecture.sources import ROOT

ITEM = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"
PIECES = st.sampled_from(
    [
        *("bpm:", "key:", "tag:", "-", '"', ":", ",", "~", "<", ">=", "..", " ", "-tag:", "is:"),
        *("from:", "created:", "2026-02", "sort:", "class:", "kick", "loop", "dark", "Am", "8A"),
        *("118", "0.5", "1e-5", "\u6771\u4eac", "\u0e14\u0e49", "ℍ", "NEAR", "AND", "*", "(", "&"),
        *(")", "-(", " or ", "OR", "or-", " (", ") "),
        *("!", "|", "\\", "'", "%", "\x00", "\ud800", "ﷺ", ITEM, "like:", "rating:", "licence:"),
    ]
)
QUERIES = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map("".join))


def query(text: str) -> SearchQuery:
    return parse_query(text)[0]


@given(QUERIES)
@example("bpm:120~ bpm:>=3")
@example('tag:"a,b",c')
@example("created:0001 created:<9999")
def test_any_text_is_a_query_and_its_text_gives_the_same_query(text: str) -> None:
    search, understood = parse_query(text)
    for part in understood:
        assert text[part.start : part.end] == part.text
        assert part.meaning
    spans = [(part.start, part.end) for part in understood]
    assert spans == sorted(spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    covered = {place for start, end in spans for place in range(start, end)}
    assert all(c.isspace() for place, c in enumerate(text) if place not in covered)
    written = format_query(search)
    assert parse_query(written)[0] == search
    assert format_query(parse_query(written)[0]) == written


@given(st.text(max_size=80))
def test_words_are_letters_digits_and_marks_and_stay_as_they_are(text: str) -> None:
    words = words_of(text)
    assert all(not c.isspace() and c not in "\"'\\:&|!()<>*^-\x00" for w in words for c in w)
    assert words_of(" ".join(words)) == words
    assert words_of("-".join(words)) == words


def test_the_example_of_the_documents() -> None:
    search = query('dusty snare bpm:118-128 key:Am~ -loop from:"evening" tag:vinyl len:<0.5')
    assert search == SearchQuery(
        terms=(
            Term(text="dusty"),
            Term(text="snare", classes=(SoundClass.SNARE,)),
            Term(text="loop", negated=True, classes=(SoundClass.LOOP,)),
        ),
        tags=("vinyl",),
        keys=(KeyFilter(camelot="8A", match=KeyMatch.COMPATIBLE),),
        bpm=ValueRange(min=118, max=128),
        duration=ValueRange(max=0.5, max_open=True),
        sources=("evening",),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind:sample,stem", SearchQuery(kinds=(ItemKind.SAMPLE, ItemKind.STEM))),
        ("-kind:track", SearchQuery(not_kinds=(ItemKind.TRACK,))),
        ("class:Open-Hat", SearchQuery(classes=(SoundClass.OPEN_HAT,))),
        ("stem:drums stem:bass", SearchQuery(stems=(Stem.DRUMS, Stem.BASS))),
        ('tag:"Female Vocal",Größe', SearchQuery(tags=("female vocal", "grosse"))),
        ("license:CC0-1.0", SearchQuery(licences=("cc0-1.0",))),
        ("rating:4", SearchQuery(min_rating=4)),
        ("rating:>3", SearchQuery(min_rating=4)),
        ("is:favourite", SearchQuery(favourite=True)),
        ("-is:doubtful", SearchQuery(in_doubt=False)),
        ("bpm:90~", SearchQuery(bpm=ValueRange(min=89.5, max=90.5), bpm_fold=True)),
        ("bpm:>100 bpm:<=120", SearchQuery(bpm=ValueRange(min=100, min_open=True, max=120))),
        ("loud:-20--10", SearchQuery(loudness=ValueRange(min=-20, max=-10))),
        (f"from:{ITEM}", SearchQuery(sources=(ITEM,))),
        (f"in:{ITEM}", SearchQuery(collections=(ITEM,))),
        (f"like:{ITEM}", SearchQuery(like=ITEM)),
        ("sort:-created", SearchQuery(sort=Sort(field=SortField.CREATED, descending=True))),
        (f"like:{ITEM} sort:-near", SearchQuery(like=ITEM, sort=Sort(field=SortField.NEAR))),
        ("hats", SearchQuery(terms=(Term(text="hats", classes=(
            SoundClass.CLOSED_HAT, SoundClass.OPEN_HAT)),))),
        ("cymbals", SearchQuery(terms=(Term(text="cymbals", classes=(
            SoundClass.CRASH, SoundClass.RIDE, SoundClass.SPLASH)),))),
        ("dark", SearchQuery(terms=(Term(text="dark", sound_word="dark"),))),
        ('"dark"', SearchQuery(terms=(Term(text="dark", phrase=True),))),
        ("東京", SearchQuery(terms=(Term(text="東 京"),))),
    ],
)  # fmt: skip
def test_a_field(text: str, expected: SearchQuery) -> None:
    assert query(text) == expected


@pytest.mark.parametrize(
    "text",
    ["bpm:fast", "key:H", "class:dog", "is:nice", "-bpm:120", "rating:9", "like:x", "foo:bar",
     "created:yesterday", "created:2026-13", "bpm:", "sort:colour", "key:Am~upside"],
)  # fmt: skip
def test_what_is_not_understood_is_a_word(text: str) -> None:
    search, (part,) = parse_query(text)
    assert part.field == "terms"
    (term,) = search.terms
    assert term.text == normalized(text)


def test_what_has_no_letters_is_ignored_and_says_so() -> None:
    search, (part,) = parse_query("  -- ")
    assert search == SearchQuery()
    assert (part.field, part.start, part.end) == ("", 2, 4)


KICK = SearchQuery(terms=(Term(text="kick", classes=(SoundClass.KICK,)),))
SNARE = SearchQuery(terms=(Term(text="snare", classes=(SoundClass.SNARE,)),))


def group(*alternatives: SearchQuery, negated: bool = False) -> SearchQuery:
    return SearchQuery(groups=(SearchGroup(alternatives=alternatives, negated=negated),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(kick or snare)", group(KICK, SNARE)),
        ("( kick OR snare or kick )", group(KICK, SNARE)),
        ("-(kick or snare)", group(KICK, SNARE, negated=True)),
        ("(kick or (snare or tag:a,b))", group(KICK, group(SNARE, SearchQuery(tags=("a", "b"))))),
        ("(tag:a or -tag:b bpm:120)", group(SearchQuery(tags=("a",)), SearchQuery(
            not_tags=("b",), bpm=ValueRange(min=119.5, max=120.5)))),
        ("(is:favourite)", group(SearchQuery(favourite=True))),
        # As it is while it is typed, or after a chip was removed.
        ("(kick or sn", group(KICK, SearchQuery(terms=(Term(text="sn"),)))),
        ("(kick or )", group(KICK)),
        ("( or kick", group(KICK)),
        # Parentheses and `or` elsewhere are what they were.
        ("loop(2)", SearchQuery(terms=(Term(text="loop 2"),))),
        ("or", SearchQuery(terms=(Term(text="or"),))),
        ("kick)", KICK),
        ('("or" or "a)b")', group(
            SearchQuery(terms=(Term(text="or", phrase=True),)),
            SearchQuery(terms=(Term(text="a b", phrase=True),)))),
        ("(tag:(a))", group(SearchQuery(tags=("(a)",)))),
        # A whole search has one order, and one sound to be like.
        ("(sort:name)", group(SearchQuery(terms=(Term(text="sort name"),)))),
    ],
)  # fmt: skip
def test_a_group(text: str, expected: SearchQuery) -> None:
    assert query(text) == expected
    assert query(format_query(expected)) == expected


def test_a_group_says_what_it_means() -> None:
    _, (word, of) = parse_query("dusty -(class:kick len:<1 or tag:loud)")
    assert (word.start, word.end, of.start, of.end) == (0, 5, 6, 38)
    assert of.field == "groups"
    assert of.meaning == ("not any of these: the class kick and less than 1 s; or the tag loud")
    _, (nothing,) = parse_query("( or )")
    assert nothing.field == ""
    assert "ignored" in nothing.meaning


def test_groups_are_bounded() -> None:
    deep = "(" * 60 + "kick or snare" + ")" * 60
    parsed = query(deep)
    assert 1 <= format_query(parsed).count("(") <= MAX_GROUP_DEPTH
    check(query(f"({' or '.join(f'tag:t{n}' for n in range(MAX_ALTERNATIVES))})"))
    with pytest.raises(ProblemError, match="alternatives"):
        check(query(f"({' or '.join(f'tag:t{n}' for n in range(MAX_ALTERNATIVES + 1))})"))
    with pytest.raises(ProblemError, match="words"):
        check(query(f"w ({' '.join(f'w{n}' for n in range(MAX_TERMS))})"))


def test_dates_are_whole_years_months_and_days_in_utc() -> None:
    def period(text: str) -> TimeRange:
        created = query(f"created:{text}").created
        assert created is not None
        return created

    month = period("2026-05")
    assert (str(month.start), str(month.end)) == (
        "2026-05-01 00:00:00+00:00",
        "2026-06-01 00:00:00+00:00",
    )
    assert period("2026-05-01..2026-05-31") == month
    assert period("<2026-05").end == month.start
    assert period(">2026-05").start == month.end
    assert query("created:>=2026-05 created:<2026-06").created == month


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("120", 119.5, 120.5), ("0.25", 0.245, 0.255), ("5-3", 3, 5), ("1e1..2e1", 10, 20)],
)
def test_ranges(text: str, low: float, high: float) -> None:
    limits = read_limits(text)
    assert limits is not None
    assert (limits.min, limits.max) == pytest.approx((low, high))


def test_keys_and_the_camelot_wheel() -> None:
    same = {"Am": "8A", "a minor": "8A", "A:min": "8A", "8a": "8A", "C": "8B", "F#m": "11A",
            "G♭m": "11A", "Bb": "6B", "B": "1B", "b": "1B", "AM": "11B", "Dbmaj": "3B"}  # fmt: skip
    for text, camelot in same.items():
        key = read_key(text)
        assert key is not None, text
        assert key.camelot == camelot, text
    assert accepted_keys("8A", KeyMatch.COMPATIBLE) == {"8A", "8B", "7A", "9A"}
    assert accepted_keys("12B", KeyMatch.COMPATIBLE) == {"12B", "12A", "11B", "1B"}
    assert accepted_keys("1A", KeyMatch.RELATIVE) == {"1A", "1B"}
    names = {key_name(f"{number}{letter}") for number in range(1, 13) for letter in "AB"}
    assert len(names) == 24
    for name in names:
        key = read_key(name)
        assert key is not None
        assert key_name(key.camelot) == name


def test_scripts_without_spaces_are_split_and_accents_are_dropped() -> None:
    assert words_of("Müller-Höhe 808_Kick.wav") == ["muller", "hohe", "808", "kick", "wav"]
    assert words_of("夜のﾄﾞﾗﾑ") == ["夜", "の", "ト", "ラ", "ム"]
    assert words_of("808ベース") == ["808", "ヘ", "ー", "ス"]
    assert "".join(words_of("กลอง")) == "กลอง"
    assert len(words_of("กลอง")) == 4


def test_sound_words_name_ranges_of_measured_values() -> None:
    assert set(SOUND_WORDS) == {
        *("bright", "dark", "short", "long", "punchy", "noisy", "tonal", "deep")
    }
    for word in SOUND_WORDS.values():
        for part in word.ranges:
            assert part.measure in set(MeasuredField)
            assert (part.limits.min is None) != (part.limits.max is None)


def test_the_documents_say_what_words_for_sound_mean() -> None:
    page = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \*(\w+)\* \| (.+) \|$", page, re.MULTILINE))
    assert rows == {name: word.meaning for name, word in SOUND_WORDS.items()}
