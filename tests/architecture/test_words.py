"""Names and messages use the field's words: the table in `words.py` holds what they do not use."""

from collections import Counter

import pytest

from tests.architecture.identifiers import (
    Kind,
    definitions,
    described,
    identifiers,
    names_in,
    places,
    public_strings,
    strings_in,
)
from tests.architecture.words import REPEATED, WORDS, Word

SAMPLE = '''
"""A docstring is prose, and prose is not checked."""

import asyncio as loops

LIMIT = 3
"""The docstring of a constant is prose, too."""


class HttpNewsReader:
    size: int = 0

    def __init__(self, wake_up, *rest, **more):
        self._until_news = wake_up
        size = self.size

    async def read(self):
        for line in self.lines:
            log.info("a log line is for operators")
        raise ProblemError("not_found", f"{line} is not an item", retry_after=1)
'''


def _id(word: Word) -> str:
    return f"{word.word}-{word.where}"


@pytest.mark.parametrize("word", WORDS, ids=_id)
def test_a_word_is_not_used(word: Word) -> None:
    used = places(word)
    text = f"{word.word!r} is used in {len(used)} places; write {word.replacement}:\n"
    assert len(used) <= word.count, text + "\n".join(used)
    if word.pending:
        assert used, f"{word.word!r} is used nowhere any more: it is pending no longer"


def test_only_pending_words_have_a_count() -> None:
    assert [word.word for word in WORDS if bool(word.count) != word.pending] == []


def test_the_table_holds_each_word_once() -> None:
    counted = Counter((word.word, word.where) for word in WORDS)
    assert [key for key, count in counted.items() if count > 1] == []


def test_a_name_has_one_meaning() -> None:
    known = definitions()
    more = {name: paths for name, paths in known.items() if len(paths) > REPEATED.get(name, 1)}
    assert more == {}, "one name for several things; give each its own"
    fewer = {name for name, count in REPEATED.items() if len(known.get(name, ())) < count}
    assert fewer == set(), "defined less often by now: lower the number in `REPEATED`"


def test_the_walk_finds_the_code() -> None:
    assert len(identifiers()) > 10_000
    assert len(public_strings()) > 1_000


def test_every_kind_of_identifier_is_found() -> None:
    names = {(name.name, name.kind) for name in names_in(SAMPLE, "kit/news.py")}
    assert names == {
        ("news", Kind.MODULE),
        ("loops", Kind.VALUE),
        ("LIMIT", Kind.VALUE),
        ("HttpNewsReader", Kind.CLASS),
        ("size", Kind.VALUE),
        ("__init__", Kind.FUNCTION),
        ("self", Kind.VALUE),
        ("wake_up", Kind.VALUE),
        ("rest", Kind.VALUE),
        ("more", Kind.VALUE),
        ("_until_news", Kind.VALUE),
        ("read", Kind.FUNCTION),
        ("line", Kind.VALUE),
    }


def test_identifiers_split_into_words() -> None:
    parts = {name.name: name.parts for name in names_in(SAMPLE, "kit/news.py")}
    assert parts["HttpNewsReader"] == ("http", "news", "reader")
    assert parts["_until_news"] == ("until", "news")
    assert parts["LIMIT"] == ("limit",)


def test_a_package_is_named_by_its_folder() -> None:
    (name,) = names_in("", "kit/bus/__init__.py")
    assert (name.name, name.kind) == ("bus", Kind.MODULE)


def test_docstrings_and_log_lines_are_not_public_strings() -> None:
    assert [text.text for text in strings_in(SAMPLE, "kit/news.py")] == [" is not an item"]


def test_the_help_of_a_command_is_public() -> None:
    source = 'def show():\n    """Show an item."""\n\n\ndef _rows():\n    """Return rows."""\n'
    texts = list(strings_in(source, "clients/python/cratedig/cli/show.py"))
    assert [text.text for text in texts] == ["Show an item."]


def test_descriptions_of_a_document_are_public() -> None:
    document = {"info": {"title": "A title"}, "paths": [{"summary": "Show an item", "x": "no"}]}
    assert [text.text for text in described(document, "a.json")] == ["A title", "Show an item"]
