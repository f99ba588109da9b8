"""Values of corrections: read from a request, checked, and stored as compressed JSON.

These functions take some milliseconds for a long lane, so callers run them in a thread.
"""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import GenericAlias, MappingProxyType
from typing import Any, Protocol, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from contracts.analysis import Beat, ChordSegment, Section
from contracts.base import PATTERN_MESSAGES
from contracts.corrections import (
    CUTS_OF,
    MAX_ENTRIES,
    MAX_TEMPO,
    MIN_TEMPO,
    NOTES_OF,
    CorrectedLanes,
    CorrectionField,
    CorrectionPut,
)
from contracts.cuts import MAX_CUT, MAX_STORED, MIN_CUT, Cut
from contracts.items import AudioFacts
from contracts.midi import Note
from contracts.music import KeyLabel, Seconds
from contracts.problems import FieldProblem, ProblemCode
from contracts.tagging import SoundClass
from contracts.transcribe import LyricLine
from kit.http.errors import ProblemError

_SLACK: Seconds = 0.25
"""How far the last entry of a lane may end after its item: results round and pad times."""
_OVERLAP: Seconds = 0.002
"""Times of neighbouring entries may overlap by what rounding makes of them."""
_DECOMPRESSED = 1 << 22
_LANES: Mapping[CorrectionField, type[Any]] = MappingProxyType(
    {
        CorrectionField.CHORDS: ChordSegment,
        CorrectionField.SECTIONS: Section,
        CorrectionField.BEATS: Beat,
        CorrectionField.WORDS: LyricLine,
        **dict.fromkeys(NOTES_OF, Note),
        **dict.fromkeys(CUTS_OF, Cut),
    }
)
_READERS: Mapping[CorrectionField, TypeAdapter[Any]] = {
    field: TypeAdapter(cast(Any, GenericAlias(tuple, (entry, ...))))
    for field, entry in _LANES.items()
}
_KEY = re.compile(r"([A-Ga-g])\s?([#♯b♭]?)(?::|\s)?(m|min|minor|maj|major|)", re.IGNORECASE)


class _Span(Protocol):
    """An entry of a lane."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value as it is stored."""

    value: Any
    """As JSON; the whole lane."""
    data: bytes
    """`value` as compressed JSON."""
    size: int
    """Bytes of the JSON."""
    entries: int | None
    """Entries of a lane; `None` for other fields."""


def read_value(
    field: CorrectionField, body: bytes, *, audio: AudioFacts, machine_tempo: float | None
) -> StoredValue:
    """Read the body `{"value": …}` of a correction.

    Parameters
    ----------
    audio
        Of the item: entries of lanes lie within it.
    machine_tempo
        What `double` and `half` refer to.

    Raises
    ------
    ProblemError
        The value is none that the field takes.
    """
    try:
        request = from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise _refused(f"the body cannot be read as JSON in UTF-8: {error}"[:200]) from None
    try:
        value = CorrectionPut.model_validate(request).value
    except ValidationError:
        raise _refused('send a JSON object with one entry, such as {"value": 124}') from None
    entries: int | None = None
    if field is CorrectionField.TEMPO:
        value = _read_tempo(value, machine_tempo)
    elif field is CorrectionField.KEY:
        value = _read_key(value)
    elif field is CorrectionField.CLASS:
        value = _read_class(value)
    else:
        value = _read_lane(field, value, audio)
        entries = len(value)
    return pack_value(value, entries=entries)


def pack_value(value: Any, *, entries: int | None = None) -> StoredValue:
    """Return a checked value as it is stored."""
    text = to_json(value)
    return StoredValue(value, zlib.compress(text), len(text), entries)


def unpack_value(data: bytes) -> Any:
    """Return a stored value."""
    return from_json(zlib.decompressobj().decompress(data, _DECOMPRESSED))


def read_cuts(data: bytes) -> tuple[Cut, ...]:
    """Return a stored list of cuts; takes milliseconds for a long one."""
    return tuple(_READERS[CorrectionField.CUTS].validate_python(unpack_value(data)))


def read_lanes(values: Mapping[CorrectionField, bytes]) -> CorrectedLanes:
    """Return stored lanes as exports read them."""
    lanes = {
        field: _READERS[field].validate_python(unpack_value(values[field])) for field in values
    }
    return CorrectedLanes(
        chords=lanes.get(CorrectionField.CHORDS),
        sections=lanes.get(CorrectionField.SECTIONS),
        beats=lanes.get(CorrectionField.BEATS),
        words=lanes.get(CorrectionField.WORDS),
        notes=lanes.get(CorrectionField.NOTES),
        notes_of_stems={
            stem: lanes[field]
            for field, stem in NOTES_OF.items()
            if stem is not None and field in lanes
        },
    )


def _read_tempo(value: Any, machine: float | None) -> float:
    text = f"send beats per minute, {MIN_TEMPO:g} to {MAX_TEMPO:g}, or `double` or `half`"
    factor = {"double": 2.0, "half": 0.5}.get(value) if isinstance(value, str) else None
    if factor is not None:
        if machine is None:
            raise _refused("no tempo was found that could be doubled or halved; send a number")
        value = machine * factor
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(text)
    if not MIN_TEMPO <= value <= MAX_TEMPO:
        raise _refused(f"{text}; this is {value:g}")
    return round(float(value), 4)


def _read_key(value: Any) -> KeyLabel:
    match = _KEY.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 20 else None
    if match is None:
        raise _refused("name a key, such as Am, F#m, Bb, `C minor` or `A:min`")
    # Only M tells minor from major by its case: `CM` is C major.
    minor = match[3] == "m" or match[3].lower() in ("min", "minor")
    accidental = match[2].replace("♯", "#").replace("♭", "b").lower()
    return f"{match[1].upper()}{accidental}:{'min' if minor else 'maj'}"


def _read_class(value: Any) -> str:
    try:
        return SoundClass(value).value
    except ValueError:
        names = ", ".join(sound.value for sound in SoundClass)
        raise _refused(f"send one of {names}") from None


def _read_lane(field: CorrectionField, value: Any, audio: AudioFacts) -> list[Any]:
    if not isinstance(value, list):
        raise _refused(f"{field.value} are replaced as a whole: send a list of all of them")
    if len(value) > MAX_ENTRIES:
        raise _refused(f"a lane has at most {MAX_ENTRIES} entries; this has {len(value)}")
    try:
        entries: Sequence[Any] = _READERS[field].validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        message = PATTERN_MESSAGES.get(first.get("ctx", {}).get("pattern", ""), first["msg"])
        raise _refused(message[0].lower() + message[1:], at=place) from None
    if field in CUTS_OF:
        check_cuts(entries, audio)
    else:
        _CHECKS.get(field, _check_notes)(entries, audio.duration)
    return list(_READERS[field].dump_python(tuple(entries), mode="json"))


def _check_beats(entries: Sequence[Beat], duration: Seconds) -> None:
    before = -1.0
    for place, beat in enumerate(entries):
        if beat.time <= before:
            raise _refused("a beat must come after the one before it", at=str(place))
        _check_end(beat.time, duration, str(place))
        before = beat.time


def _check_parts(entries: Sequence[_Span], duration: Seconds) -> None:
    """Check entries of which one ends where the next begins, or earlier."""
    before = 0.0
    for place, entry in enumerate(entries):
        if entry.end <= entry.start:
            raise _refused("the end must be after the start", at=str(place))
        if entry.start < before - _OVERLAP:
            raise _refused("it must begin where the one before it ends, or later", at=str(place))
        _check_end(entry.end, duration, str(place))
        before = entry.end


def _check_notes(entries: Sequence[_Span], duration: Seconds) -> None:
    before = 0.0
    for place, note in enumerate(entries):
        if note.end <= note.start:
            raise _refused("the end must be after the start", at=str(place))
        if note.start < before - _OVERLAP:
            raise _refused("notes must be in the order of their starts", at=str(place))
        _check_end(note.end, duration, str(place))
        before = note.start


def check_cuts(cuts: Sequence[Cut], audio: AudioFacts) -> None:
    """Check a list of cuts of a recording.

    Raises
    ------
    ProblemError
        Cuts are out of order, too short, too long, outside the recording or not distinct.
    """
    shortest, longest = MIN_CUT * audio.sample_rate, MAX_CUT * audio.sample_rate
    before = 0
    numbers: set[int] = set()
    samples: set[str] = set()
    for place, cut in enumerate(cuts):
        at = str(place)
        if cut.start < before:
            raise _refused("cuts must be in the order of their starts", at=at)
        if cut.end > audio.samples:
            text = f"it ends at sample {cut.end}, but the recording has {audio.samples}"
            raise _refused(text, at=at)
        if not shortest <= cut.end - cut.start <= longest:
            text = f"a cut lasts from {MIN_CUT:g} to {MAX_CUT:g} s"
            seconds = (cut.end - cut.start) / audio.sample_rate
            raise _refused(f"{text}; cut {cut.number} would last {seconds:g} s", at=at)
        if cut.number in numbers:
            raise _refused(f"two cuts have the number {cut.number}; numbers are unique", at=at)
        if cut.sample is not None and cut.sample in samples:
            text = f"two cuts have the sample {cut.sample}; leave it out of one of them"
            raise _refused(text, at=at)
        before = cut.start
        numbers.add(cut.number)
        samples.add(cut.sample or "")
    stored = sum(cut.stored for cut in cuts)
    if stored > MAX_STORED:
        raise _refused(f"at most {MAX_STORED} cuts become samples; these would be {stored}")
    if len(cuts) > MAX_ENTRIES:
        raise _refused(f"a recording has at most {MAX_ENTRIES} cuts; these are {len(cuts)}")


def _check_words(entries: Sequence[LyricLine], duration: Seconds) -> None:
    count = sum(len(line.words) for line in entries)
    if count > MAX_ENTRIES:
        raise _refused(f"lyrics have at most {MAX_ENTRIES} words; these have {count}")
    before = 0.0
    for place, line in enumerate(entries):
        spans: tuple[tuple[str, _Span], ...] = (
            (str(place), line),
            *((f"{place}.words.{number}", word) for number, word in enumerate(line.words)),
        )
        for name, span in spans:
            if span.end < span.start:
                raise _refused("the end must not be before the start", at=name)
            if span.start < before - _OVERLAP:
                raise _refused("lines and words must be in the order of their starts", at=name)
            _check_end(span.end, duration, name)
            before = span.start


def _check_end(end: float, duration: Seconds, place: str) -> None:
    if end > duration + _SLACK:
        raise _refused(f"it ends at {end:g} s, but the item is {duration:g} s long", at=place)


_CHECKS: Mapping[CorrectionField, Callable[[Any, Seconds], None]] = MappingProxyType(
    {
        CorrectionField.BEATS: _check_beats,
        CorrectionField.CHORDS: _check_parts,
        CorrectionField.SECTIONS: _check_parts,
        CorrectionField.WORDS: _check_words,
    }
)


def _refused(text: str, *, at: str = "") -> ProblemError:
    field = f"body.value.{at}" if at else "body.value"
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text[0].upper()}{text[1:]}.",
        fields=(FieldProblem(field=field, message=text),),
    )
