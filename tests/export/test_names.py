"""Names of files: by template, legal everywhere, unique."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.export.names import (
    MAX_CHARACTERS,
    NamePool,
    fill_template,
    key_name,
    legal_name,
    tempo_name,
)

TEMPLATE = "{bpm}_{class}_{name}_{key}"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"bpm": "128", "class": "kick", "name": "Boom", "key": "Am"}, "128_kick_Boom_Am"),
        ({"class": "kick", "name": "Boom"}, "kick_Boom"),
        ({"bpm": "128", "name": "Boom"}, "128_Boom"),
        ({"name": "a_b"}, "a_b"),
        ({}, ""),
    ],
)
def test_unknown_fields_are_left_out_with_their_separator(
    values: dict[str, str], name: str
) -> None:
    assert fill_template(TEMPLATE, values) == name


def test_keys_and_tempi_are_short() -> None:
    assert key_name("F#:min", sharps="s") == "Fsm"
    assert key_name("F#:min", sharps="#") == "F#m"
    assert key_name("Bb:maj", sharps="s") == "Bb"
    assert tempo_name(128.0) == "128"
    assert tempo_name(93.46) == "93.5"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("AC/DC: live?", "AC_DC_ live_"),
        ("con", "con_"),
        ("COM1.take", "COM1.take_"),
        (" ..", "untitled"),
        ("tab\tand\nline", "tab and line"),
        ("\u202egpj.exe", "gpj.exe"),
        ("日本語", "日本語"),
    ],
)
def test_names_are_legal(text: str, name: str) -> None:
    assert legal_name(text) == name


@given(st.lists(st.text(max_size=130), max_size=12))
def test_names_are_legal_short_and_unique_without_case(texts: list[str]) -> None:
    pool = NamePool()
    names = [f"{pool.take(text)}.flac" for text in texts]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert len(name) <= MAX_CHARACTERS
        assert len(name.encode()) <= 255
        assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
        assert not name.startswith(" ")
        assert not name.removesuffix(".flac").endswith((" ", "."))
