"""The query language: a text becomes a `SearchQuery`, and a `SearchQuery` becomes a text.

`docs/search.md` describes it. Any text can be read: what is not understood is a word.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from contracts.ids import CollectionId, SubjectId
from contracts.items import ItemKind
from contracts.music import Stem
from contracts.search import (
    DOUBT,
    SOUND_WORDS,
    MeasuredField,
    SearchGroup,
    SearchQuery,
    Sort,
    SortField,
    Term,
    Understood,
    ValueRange,
)
from contracts.tagging import SoundClass
from services.library.search.parts import OR, QueryPart, split_parts
from services.library.search.text import normalized, words_of
from services.library.search.values import (
    describe_key,
    describe_limits,
    describe_period,
    is_id,
    name_key,
    narrow_limits,
    quoted,
    read_key,
    read_limits,
    read_period,
    write_key,
    write_limits,
    write_period,
)

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)


def _plural(word: str) -> str:
    return f"{word}{'es' if word.endswith(('s', 'sh')) else 's'}"


_HATS = (SoundClass.CLOSED_HAT, SoundClass.OPEN_HAT)
_CYMBALS = (SoundClass.CRASH, SoundClass.RIDE, SoundClass.SPLASH)
_PERCUSSION = (
    SoundClass.PERCUSSION,
    SoundClass.COWBELL,
    SoundClass.SHAKER,
    SoundClass.TAMBOURINE,
)
CLASS_WORDS: Mapping[str, tuple[SoundClass, ...]] = {
    **{c.value.replace("_", " "): (c,) for c in SoundClass if c is not SoundClass.UNKNOWN},
    **{_plural(c.value.replace("_", " ")): (c,) for c in SoundClass if c is not SoundClass.UNKNOWN},
    **dict.fromkeys(("hat", "hats", "hihat", "hi hat"), _HATS),
    **dict.fromkeys(("cymbal", "cymbals"), _CYMBALS),
    "bassdrum": (SoundClass.KICK,),
    "rimshot": (SoundClass.RIM,),
    **dict.fromkeys(("maraca", "maracas", "cabasa"), (SoundClass.SHAKER,)),
    "perc": _PERCUSSION,
    "vox": (SoundClass.VOCAL,),
}
"""Words that name sound classes."""
UNITS: Mapping[MeasuredField, str] = {
    MeasuredField.BPM: "BPM",
    MeasuredField.DURATION: "s",
    MeasuredField.LOUDNESS: "LUFS",
    MeasuredField.BRIGHTNESS: "Hz",
    MeasuredField.NOISINESS: "",
    MeasuredField.ATTACK: "s",
    MeasuredField.PITCH: "Hz",
}
_MEASURES = {
    "tempo": MeasuredField.BPM,
    "len": MeasuredField.DURATION,
    "length": MeasuredField.DURATION,
    "loud": MeasuredField.LOUDNESS,
} | {measure.value: measure for measure in MeasuredField}
_FIELD_NAMES = {
    "license": "licence",
    "fav": "favourite",
    "song": "from",
}
_OUTSIDE_GROUPS = ("like", "sort")
"""Fields that a whole search has; within a group they are words."""
_ALL = ("tags", "proposed")
"""Fields of which an item must have all values."""
_FLAGS = {
    "favourite": "favourite",
    "favorite": "favourite",
    "fav": "favourite",
    "doubtful": "in_doubt",
    "doubt": "in_doubt",
}


class _Meaning(NamedTuple):
    """What a part of a query sets, and what that means in words."""

    field: str
    values: Any
    words: str


@dataclass(frozen=True, slots=True)
class _Range:
    """A range of a measured value, and whether half and double the value match too."""

    limits: ValueRange
    folds: bool


@dataclass(slots=True)
class _Draft:
    """A query that is being read."""

    fields: dict[str, Any] = field(default_factory=dict)

    def add(self, meaning: _Meaning) -> None:
        """Set a field; of a list of values, add those that it lacks."""
        name, value = meaning.field, meaning.values
        if isinstance(value, tuple):
            value = tuple(dict.fromkeys((*self.fields.get(name, ()), *value)))
        elif isinstance(value, _Range):
            if value.folds:
                self.fields["bpm_fold"] = True
            value = narrow_limits(self.fields.get(name), value.limits)
        elif name == "created" and (earlier := self.fields.get(name)) is not None:
            ends = {"start": value.start, "end": value.end}
            value = earlier.model_copy(update={k: v for k, v in ends.items() if v is not None})
        self.fields[name] = value


def parse_query(text: str) -> tuple[SearchQuery, tuple[Understood, ...]]:
    """Return the search that a text in the query language asks for, and how each part was read."""
    parts = split_parts(text)
    query, meanings = _read_parts(parts, in_group=False)
    understood = (
        Understood(
            text=part.text,
            start=part.start,
            end=part.end,
            field=meaning.field,
            meaning=meaning.words,
        )
        for part, meaning in zip(parts, meanings, strict=True)
    )
    return query, tuple(understood)


def format_query(query: SearchQuery) -> str:
    """Return the text of a search: reading it gives the same search."""
    return " ".join(_parts(query, in_group=False))


def merge_queries(first: SearchQuery, second: SearchQuery) -> SearchQuery:
    """Return a search with the filters of two: lists are joined, other values are the second's."""
    draft = _Draft({name: getattr(first, name) for name in first.model_fields_set})
    for name in second.model_fields_set:
        value = getattr(second, name)
        draft.add(
            _Meaning(name, _Range(value, False) if isinstance(value, ValueRange) else value, "")
        )
    return SearchQuery(**draft.fields)


def _read_parts(
    parts: Sequence[QueryPart], *, in_group: bool
) -> tuple[SearchQuery, list[_Meaning]]:
    """Return the search that some parts ask for together, and what each of them means."""
    draft = _Draft()
    meanings = [_read_part(part, in_group=in_group) for part in parts]
    for meaning in meanings:
        if meaning.field:
            draft.add(meaning)
    return SearchQuery(**draft.fields), meanings


def _read_part(part: QueryPart, *, in_group: bool) -> _Meaning:
    if part.alternatives is not None:
        return _read_group(part.alternatives, negated=part.negated)
    meaning = _read_field(part.text)
    if meaning is None or (in_group and meaning.field in _OUTSIDE_GROUPS):
        return _read_term(part.text)
    return meaning


def _read_group(alternatives: Iterable[Sequence[QueryPart]], *, negated: bool) -> _Meaning:
    """Read a group; alternatives that ask for nothing are left out."""
    words_of_queries: dict[SearchQuery, str] = {}
    for parts in alternatives:
        query, meanings = _read_parts(parts, in_group=True)
        if query != SearchQuery():
            words = " and ".join(meaning.words for meaning in meanings if meaning.field)
            words_of_queries.setdefault(query, words)
    if not words_of_queries:
        return _Meaning("", None, "ignored: it has no letters or digits")
    group = SearchGroup(alternatives=tuple(words_of_queries), negated=negated)
    words = "; or ".join(words_of_queries.values())
    words = f"any of these: {words}" if len(words_of_queries) > 1 else f"all of this: {words}"
    return _Meaning("groups", (group,), f"not {words}" if negated else words)


def _read_term(part: str) -> _Meaning:
    """Read a part as a word or a phrase of the text."""
    negated = part.startswith("-")
    body = part[1:] if negated else part
    phrase = body.startswith('"')
    text = normalized(body)
    if not text:
        return _Meaning("", None, "ignored: it has no letters or digits")
    classes = () if phrase else CLASS_WORDS.get(text, ())
    sound_word = text if not phrase and text in SOUND_WORDS else None
    term = Term(text=text, phrase=phrase, negated=negated, classes=classes, sound_word=sound_word)
    shown = f'"{text}"' if phrase else text
    words = f"the phrase {shown}" if phrase else f"the word {shown}"
    if classes:
        words = f"the class {_either(classes)}, or {words}"
    if sound_word:
        words = f"{SOUND_WORDS[sound_word].meaning}, or {words}"
    return _Meaning("terms", (term,), f"not: {words}" if negated else words)


def _read_field(part: str) -> _Meaning | None:
    """Read a part as `field:value`, or return `None`."""
    negated = part.startswith("-")
    name, colon, value = (part[1:] if negated else part).partition(":")
    name = name.lower()
    if not colon or not value or name.startswith('"'):
        return None
    name = _FIELD_NAMES.get(name, name)
    if name == "is":
        return _read_flag(value, negated=negated)
    if (reader := _LISTS.get(name)) is not None:
        return reader(_split(value), negated)
    if negated:
        return None
    if name in _MEASURES:
        return _read_measure(_MEASURES[name], value)
    if (single := _SINGLES.get(name)) is not None:
        return single(value.replace('"', ""))
    return None


def _read_flag(value: str, *, negated: bool) -> _Meaning | None:
    field_name = _FLAGS.get(value.lower())
    if field_name is None:
        return None
    words = {
        "favourite": "a favourite",
        "in_doubt": f"of a class with a confidence below {DOUBT}",
    }[field_name]
    return _Meaning(field_name, not negated, f"not {words}" if negated else words)


def _read_measure(measure: MeasuredField, value: str) -> _Meaning | None:
    folds = measure is MeasuredField.BPM and value.endswith("~")
    limits = read_limits(value.removesuffix("~") if folds else value)
    if limits is None:
        return None
    words = describe_limits(limits, UNITS[measure])
    if folds:
        words += ", also at half or double the tempo"
    return _Meaning(measure.value, _Range(limits, folds), words)


def _split(value: str) -> list[str]:
    """Return the values of a list: separated by commas, which quotation marks protect."""
    return [
        piece.replace('"', "")
        for piece in re.findall(r'(?:"[^"]*"?|[^,"])+', value)
        if piece.replace('"', "").strip()
    ]


def _choices(
    field_name: str, kind: type[Choice], shown: str
) -> Callable[[list[str], bool], _Meaning | None]:
    """Return the reader of a list of an enumeration's values."""
    known = {name_key(member.value).replace("_", " "): member for member in kind}

    def read(values: list[str], negated: bool) -> _Meaning | None:
        members = [known.get(name_key(v).replace("_", " ").replace("-", " ")) for v in values]
        chosen = tuple(member for member in members if member is not None)
        if not chosen or len(chosen) < len(values):
            return None
        words = f"the {shown} {_either(chosen)}"
        return _Meaning(*_negatable(field_name, chosen, words, negated=negated))

    return read


def _names(field_name: str, shown: str) -> Callable[[list[str], bool], _Meaning | None]:
    """Return the reader of a list of names."""

    def read(values: list[str], negated: bool) -> _Meaning | None:
        names = tuple(dict.fromkeys(filter(None, map(name_key, values))))
        if not names:
            return None
        words = f"the {shown} {' and '.join(names) if field_name in _ALL else ' or '.join(names)}"
        return _Meaning(*_negatable(field_name, names, words, negated=negated))

    return read


def _negatable(
    field_name: str, values: tuple[Any, ...], words: str, *, negated: bool
) -> tuple[str, tuple[Any, ...], str]:
    return (
        (f"not_{field_name}", values, f"not: {words}") if negated else (field_name, values, words)
    )


def _read_keys(values: list[str], negated: bool) -> _Meaning | None:
    keys = [read_key(value) for value in values]
    chosen = tuple(key for key in keys if key is not None)
    if negated or not chosen or len(chosen) < len(values):
        return None
    return _Meaning("keys", chosen, "the key " + " or ".join(map(describe_key, chosen)))


def _read_sources(values: list[str], negated: bool) -> _Meaning | None:
    names = [value if is_id(value) else normalized(value) for value in values]
    sources = tuple(dict.fromkeys(filter(None, names)))
    if negated or not sources:
        return None
    return _Meaning("sources", sources, f"cut from {' or '.join(sources)}")


def _read_collections(values: list[str], negated: bool) -> _Meaning | None:
    if not all(map(is_id, values)):
        return None
    collections = tuple(map(CollectionId, values))
    words = f"in the collection {' or '.join(values)}"
    return _Meaning(*_negatable("collections", collections, words, negated=negated))


def _read_saved(values: list[str], negated: bool) -> _Meaning | None:
    names = tuple(dict.fromkeys(filter(None, map(name_key, values))))
    if not names:
        return None
    words = f"found by the saved search {' or '.join(names)}"
    return _Meaning(*_negatable("saved", names, words, negated=negated))


_LISTS: Mapping[str, Callable[[list[str], bool], _Meaning | None]] = {
    "kind": _choices("kinds", ItemKind, "kind"),
    "class": _choices("classes", SoundClass, "class"),
    "stem": _choices("stems", Stem, "stem"),
    "tag": _names("tags", "tag"),
    "proposed": _names("proposed", "proposed tag"),
    "licence": _names("licences", "licence"),
    "key": _read_keys,
    "from": _read_sources,
    "in": _read_collections,
    "search": _read_saved,
}


def _read_rating(value: str) -> _Meaning | None:
    match = re.fullmatch(r"(>=?)?([1-5])", value)
    if match is None:
        return None
    stars = int(match[2]) + (match[1] == ">")
    if stars > 5:
        return None
    return _Meaning("min_rating", stars, f"at least {stars} stars")


def _read_created(value: str) -> _Meaning | None:
    period = read_period(value)
    return _Meaning("created", period, f"added {describe_period(period)}") if period else None


def _read_like(value: str) -> _Meaning | None:
    if not is_id(value):
        return None
    return _Meaning("like", SubjectId(value), f"sounds like {value}")


def _read_sort(value: str) -> _Meaning | None:
    descending = value.startswith("-")
    try:
        sort_field = SortField(value.removeprefix("-").lower())
    except ValueError:
        return None
    descending = descending and sort_field not in (SortField.RELEVANCE, SortField.NEAR)
    words = f"sorted by {sort_field}{', descending' if descending else ''}"
    return _Meaning("sort", Sort(field=sort_field, descending=descending), words)


_SINGLES: Mapping[str, Callable[[str], _Meaning | None]] = {
    "rating": _read_rating,
    "created": _read_created,
    "like": _read_like,
    "sort": _read_sort,
}


def _either(values: Iterable[StrEnum]) -> str:
    return " or ".join(value.value.replace("_", " ") for value in values)


def _parts(query: SearchQuery, *, in_group: bool) -> Iterator[str]:
    """Yield the parts of a search in the query language."""
    for term in query.terms:
        # Several words in one part are written as the language reads them: joined by a hyphen.
        text = f'"{term.text}"' if term.phrase else "-".join(words_of(term.text))
        if in_group and text == OR:
            # With a hyphen it is the word, and does not separate alternatives.
            text = f"{text}-"
        yield f"-{text}" if term.negated else text
    for name, field_name in (
        ("kind", "kinds"),
        ("class", "classes"),
        ("stem", "stems"),
        ("tag", "tags"),
        ("proposed", "proposed"),
        ("licence", "licences"),
    ):
        for sign, prefix in (("", ""), ("-", "not_")):
            if values := getattr(query, prefix + field_name):
                yield f"{sign}{name}:{','.join(map(quoted, values))}"
    for group in query.groups:
        texts = (" ".join(_parts(each, in_group=True)) for each in group.alternatives)
        yield f"{'-' if group.negated else ''}({f' {OR} '.join(texts)})"
    if query.keys:
        yield f"key:{','.join(map(write_key, query.keys))}"
    for measure in MeasuredField:
        limits = query.limits(measure)
        mark = "~" if measure is MeasuredField.BPM and query.bpm_fold else ""
        for value in write_limits(limits) if limits is not None else ():
            yield f"{measure}:{value}{mark}"
    if query.sources:
        yield f"from:{','.join(map(quoted, query.sources))}"
    for name, sets in (
        ("in", query.collections),
        ("-in", query.not_collections),
        ("search", query.saved),
        ("-search", query.not_saved),
    ):
        if sets:
            yield f"{name}:{','.join(map(quoted, sets))}"
    for flag, text in ((query.favourite, "is:favourite"), (query.in_doubt, "is:doubtful")):
        if flag is not None:
            yield text if flag else f"-{text}"
    if query.min_rating is not None:
        yield f"rating:{query.min_rating}"
    for value in write_period(query.created) if query.created is not None else ():
        yield f"created:{value}"
    if query.like is not None:
        yield f"like:{query.like}"
    if query.sort is not None:
        yield f"sort:{'-' if query.sort.descending else ''}{query.sort.field}"
