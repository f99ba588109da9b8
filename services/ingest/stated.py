"""Read what a file states about its music: tempo, key, root note and loop.

Chunks of WAV files: `smpl` as in Microsoft's "New Multimedia Data Types and Data Techniques"
(1994); `acid` has no public specification, its layout is the one that libsndfile reads.
"""

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.ingest import StatedIn, StatedMusic
from contracts.keys import key_of_camelot, read_camelot
from contracts.music import Bpm, KeyLabel, MidiNote, Samples, Seconds
from services.ingest.decoder import UploadedFile
from services.ingest.headers import Region, riff_chunks

MIN_BPM, MAX_BPM = 20.0, 400.0
"""A tag or chunk that states another tempo is ignored."""
MIN_NAMED_BPM, MAX_NAMED_BPM = 40.0, 300.0
"""A file name that states another tempo is ignored."""
_MAX_ERROR = 0.05
"""Share of the duration by which `beats` at the tempo of `acid` may be off: programs write default
values for sounds that they did not analyse."""
_ONE_SHOT, _ROOT_SET = 0x01, 0x02
_TEMPO = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d{1,2})?)[ _-]?bpm(?![a-z])", re.IGNORECASE)
_KEY = re.compile(
    r"(?:^|(?P<before>[\s_()\[\].-]+))"
    r"(?P<key>[A-G][#b]?(?:m|min|maj| ?minor| ?major))"
    r"(?=(?P<after>[\s_()\[\].-]+|$))"
)
_WORD = "Am"
"""The key that is also a word."""


@dataclass(frozen=True, slots=True)
class _Chunks:
    """What the chunks of a WAV file state."""

    bpm: Bpm | None = None
    one_shot: bool | None = None
    root_note: MidiNote | None = None
    loop: tuple[Samples, Samples] | None = None


def read_stated(
    upload: UploadedFile, *, name: str, tags: Mapping[str, str], duration: Seconds
) -> StatedMusic:
    """Return what a file states about its music.

    A chunk counts more than a tag, and a tag more than the file's name. Implausible values are
    ignored.

    Parameters
    ----------
    name
        The file's name, without its suffix.
    tags
        Its embedded tags, by their names in lower case.
    """
    chunks = _read_chunks(upload, duration)
    bpm, bpm_in = chunks.bpm, StatedIn.CHUNK
    if bpm is None:
        bpm, bpm_in = _tempo_of(tags.get("bpm", "")), StatedIn.TAG
    if bpm is None:
        bpm, bpm_in = tempo_in_name(name), StatedIn.NAME
    key, key_in = _key_of(tags.get("initial_key", "") or tags.get("key", "")), StatedIn.TAG
    if key is None:
        key, key_in = key_in_name(name), StatedIn.NAME
    return StatedMusic(
        bpm=bpm,
        bpm_in=bpm_in if bpm is not None else None,
        key=key,
        key_in=key_in if key is not None else None,
        one_shot=chunks.one_shot,
        root_note=chunks.root_note,
        loop=chunks.loop,
    )


def tempo_in_name(name: str) -> Bpm | None:
    """Return the tempo in a file name: a number before `bpm`, if the name has exactly one."""
    tempos = {float(match[1]) for match in _TEMPO.finditer(name)}
    if len(tempos) != 1:
        return None
    tempo = tempos.pop()
    return tempo if MIN_NAMED_BPM <= tempo <= MAX_NAMED_BPM else None


def key_in_name(name: str) -> KeyLabel | None:
    """Return the key in a file name that also has a tempo, as names of sample packs do.

    The key stands alone between separators, and its mode is written: `Am`, `Cmaj`, `F# minor`; `A`
    or `F#` alone may be a note. `Am` between spaces is a word. A name with two keys has none.
    """
    if _TEMPO.search(name) is None:
        return None
    keys = set()
    for match in _KEY.finditer(name):
        spaced = any((match[side] or "").isspace() for side in ("before", "after"))
        if not (match["key"] == _WORD and spaced):
            keys.add(_key_of(match["key"]))
    return keys.pop() if len(keys) == 1 else None


def _read_chunks(upload: UploadedFile, duration: Seconds) -> _Chunks:
    if upload.sniffed.container != "wav":
        return _Chunks()
    start, end = upload.sniffed.part or (0, upload.size)
    with upload.path.open("rb") as file:
        chunks = riff_chunks(Region(file, start, end), (b"acid", b"smpl"))
    acid, smpl = chunks.get(b"acid", b""), chunks.get(b"smpl", b"")
    bpm = one_shot = root = loop = None
    if len(acid) >= 24:
        flags, root_note, _, _, beats, _, _, tempo = struct.unpack_from("<IHHfIHHf", acid)
        one_shot = bool(flags & _ONE_SHOT)
        root = root_note if flags & _ROOT_SET and root_note <= 127 else None
        fits = _plausible(tempo) and abs(beats * 60 / tempo - duration) <= _MAX_ERROR * duration
        bpm = round(tempo, 3) if fits and beats and not one_shot else None
    if len(smpl) >= 36:
        note, _, _, _, loops = struct.unpack_from("<5I", smpl, 12)
        root = note if root is None and 0 < note <= 127 else root
        if loops and len(smpl) >= 60:
            first, last = struct.unpack_from("<2I", smpl, 44)
            loop = (first, last + 1) if first <= last else None
    return _Chunks(bpm, one_shot, root, loop)


def _plausible(bpm: float) -> bool:
    return math.isfinite(bpm) and MIN_BPM <= bpm <= MAX_BPM


def _tempo_of(text: str) -> Bpm | None:
    try:
        # Some programs write a comma, and some several values.
        bpm = float(text.partition(";")[0].strip().replace(",", "."))
    except ValueError:
        return None
    return bpm if _plausible(bpm) else None


def _key_of(text: str) -> KeyLabel | None:
    camelot = read_camelot(text.partition(";")[0])
    return key_of_camelot(camelot) if camelot is not None else None
