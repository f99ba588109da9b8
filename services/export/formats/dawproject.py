"""DAWproject 1.0 (Bitwig, MIT): `project.xml` and `metadata.xml` of a song."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from contracts.transcribe import LyricLine
from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid
from services.export.bundle import Song, StemTrack
from services.export.formats.markers import Marker

MEDIA_TYPE = "application/zip"
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SECTION_COLOUR, _LYRIC_COLOUR = "#8a8a8a", "#c43b8f"
_MASTER = "master"
_TEMPO, _METRE = "tempo", "metre"
_MICROSECONDS = 60_000_000
_MIN_BPM, _MAX_BPM = "20", "999"


@dataclass(frozen=True, slots=True)
class AudioFile:
    """An audio file inside the project, which begins with the song."""

    path: str
    """With its folders, separated by `/`."""
    sample_rate: int
    channels: int
    samples: int


def project_xml(
    song: Song,
    files: Mapping[str, AudioFile],
    *,
    markers: Sequence[Marker] = (),
    version: str,
) -> bytes:
    """Return `project.xml`: tracks with colours and levels, audio, notes, tempo map and markers.

    Times are beats of the tempo map. Audio clips are warped at each tempo change, so that each
    sample stays at its second.

    Parameters
    ----------
    files
        The audio file of each track, by the track's name; tracks without one have notes only.
    markers
        Seconds and names of sections; lines of lyrics become markers as well.
    version
        Of the application.
    """
    grid = song.grid
    project = Xml.Element("Project", version="1.0")
    Xml.SubElement(project, "Application", name="Cratedig", version=version)
    transport = Xml.SubElement(project, "Transport")
    Xml.SubElement(
        transport, "Tempo", id=_TEMPO, name="Tempo", max=_MAX_BPM, min=_MIN_BPM, unit="bpm",
        value=_number(_MICROSECONDS / grid.changes[0].beat),
    )  # fmt: skip
    _, numerator, denominator = grid.meters[0]
    Xml.SubElement(
        transport, "TimeSignature", id=_METRE, denominator=str(denominator),
        numerator=str(numerator),
    )  # fmt: skip
    structure = Xml.SubElement(project, "Structure")
    arrangement = Xml.SubElement(project, "Arrangement", id="arrangement")
    lanes = Xml.SubElement(arrangement, "Lanes", id="lanes", timeUnit="beats")
    for number, track in enumerate(song.tracks):
        file = files.get(track.name)
        if file is not None:
            _add_track(structure, f"audio{number}", track, content="audio")
            _add_audio(lanes, f"audio{number}", track, file, grid)
        if track.notes:
            name = f"{track.name} notes" if file is not None else track.name
            _add_track(structure, f"notes{number}", track, content="notes", name=name)
            _add_notes(lanes, f"notes{number}", track, grid)
    master = Xml.SubElement(
        structure, "Track", id="track-master", name="Master", contentType="audio notes",
        loaded="true",
    )  # fmt: skip
    _channel(master, _MASTER, role="master", gain_db=0.0, pan=0.0)
    marks = [(seconds, name, _SECTION_COLOUR) for seconds, name in markers]
    marks += [(line.start, line.text, _LYRIC_COLOUR) for line in _with_text(song.lyrics)]
    if marks:
        element = Xml.SubElement(arrangement, "Markers", id="markers", timeUnit="beats")
        for seconds, name, colour in sorted(marks, key=lambda mark: mark[0]):
            Xml.SubElement(
                element, "Marker", name=_clean(name), color=colour, time=_beats(grid, seconds)
            )
    _add_tempo(arrangement, grid)
    return _document(project)


def metadata_xml(song: Song, rights: Mapping[str, str | None]) -> bytes:
    """Return `metadata.xml`.

    Parameters
    ----------
    rights
        `copyright`, `licence` and `url`, as far as they are known.
    """
    metadata = Xml.Element("MetaData")
    licence = f"Licence: {rights['licence']}" if rights.get("licence") else None
    for name, value in (
        ("Title", song.name),
        ("Artist", song.artist),
        ("Copyright", rights.get("copyright")),
        ("Website", rights.get("url")),
        ("Comment", licence),
    ):
        if value:
            Xml.SubElement(metadata, name).text = _clean(value)
    return _document(metadata)


def _with_text(lyrics: Sequence[LyricLine]) -> list[LyricLine]:
    return [line for line in lyrics if line.text]


def _add_track(
    structure: Xml.Element, id_: str, track: StemTrack, *, content: str, name: str = ""
) -> None:
    element = Xml.SubElement(
        structure, "Track", id=f"track-{id_}", name=_clean(name or track.name),
        color=track.colour, contentType=content, loaded="true",
    )  # fmt: skip
    _channel(element, f"channel-{id_}", role="regular", gain_db=track.gain_db, pan=track.pan)


def _channel(track: Xml.Element, id_: str, *, role: str, gain_db: float, pan: float) -> None:
    channel = Xml.SubElement(track, "Channel", id=id_, audioChannels="2", role=role, solo="false")
    if role != "master":
        channel.set("destination", _MASTER)
    Xml.SubElement(channel, "Mute", id=f"{id_}-mute", name="Mute", value="false")
    Xml.SubElement(
        channel, "Pan", id=f"{id_}-pan", name="Pan", max="1", min="0", unit="normalized",
        value=_number((pan + 1) / 2),
    )  # fmt: skip
    Xml.SubElement(
        channel, "Volume", id=f"{id_}-volume", name="Volume", max="2", min="0", unit="linear",
        value=_number(10 ** (gain_db / 20)),
    )  # fmt: skip


def _add_audio(lanes: Xml.Element, id_: str, track: StemTrack, file: AudioFile, grid: Grid) -> None:
    seconds = file.samples / file.sample_rate
    own = Xml.SubElement(lanes, "Lanes", id=f"lanes-{id_}", track=f"track-{id_}")
    clips = Xml.SubElement(own, "Clips", id=f"clips-{id_}")
    clip = Xml.SubElement(
        clips, "Clip", name=_clean(track.name), time="0", duration=_beats(grid, seconds),
        contentTimeUnit="beats", playStart="0",
    )  # fmt: skip
    warps = Xml.SubElement(
        clip, "Warps", id=f"warps-{id_}", contentTimeUnit="seconds", timeUnit="beats"
    )
    audio = Xml.SubElement(
        warps, "Audio", id=f"file-{id_}", algorithm="stretch", channels=str(file.channels),
        duration=_number(seconds), sampleRate=str(file.sample_rate),
    )  # fmt: skip
    Xml.SubElement(audio, "File", path=file.path)
    within = [change.second for change in grid.changes if 0 < change.second < seconds]
    for second in (0.0, *within, seconds):
        Xml.SubElement(warps, "Warp", time=_beats(grid, second), contentTime=_number(second))


def _add_notes(lanes: Xml.Element, id_: str, track: StemTrack, grid: Grid) -> None:
    own = Xml.SubElement(lanes, "Lanes", id=f"lanes-{id_}", track=f"track-{id_}")
    clips = Xml.SubElement(own, "Clips", id=f"clips-{id_}")
    end = max(note.end for note in track.notes)
    clip = Xml.SubElement(
        clips, "Clip", name=_clean(track.name), time="0", duration=_beats(grid, end), playStart="0"
    )
    element = Xml.SubElement(clip, "Notes", id=f"content-{id_}")
    channel = "9" if track.drums else "0"
    for note in sorted(track.notes, key=lambda note: (note.start, note.pitch)):
        start, stop = grid.ticks(note.start), grid.ticks(note.end)
        Xml.SubElement(
            element, "Note", time=_number(start / TICKS_PER_BEAT),
            duration=_number(max(1.0, stop - start) / TICKS_PER_BEAT), channel=channel,
            key=str(note.pitch), vel=_number(note.velocity / 127), rel=_number(note.velocity / 127),
        )  # fmt: skip


def _add_tempo(arrangement: Xml.Element, grid: Grid) -> None:
    if len(grid.changes) > 1:
        points = Xml.SubElement(
            arrangement, "TempoAutomation", id="tempo-automation", timeUnit="beats", unit="bpm"
        )
        Xml.SubElement(points, "Target", parameter=_TEMPO)
        for change in grid.changes:
            Xml.SubElement(
                points, "RealPoint", time=_number(change.tick / TICKS_PER_BEAT),
                value=_number(_MICROSECONDS / change.beat), interpolation="hold",
            )  # fmt: skip
    if len(grid.meters) > 1:
        points = Xml.SubElement(
            arrangement, "TimeSignatureAutomation", id="metre-automation", timeUnit="beats"
        )
        Xml.SubElement(points, "Target", parameter=_METRE)
        for tick, numerator, denominator in grid.meters:
            Xml.SubElement(
                points, "TimeSignaturePoint", time=_number(tick / TICKS_PER_BEAT),
                numerator=str(numerator), denominator=str(denominator),
            )  # fmt: skip


def _beats(grid: Grid, seconds: float) -> str:
    return _number(grid.ticks(seconds) / TICKS_PER_BEAT)


def _number(value: float) -> str:
    """Return a number with nine decimals at most, which are a nanosecond."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def _clean(text: str) -> str:
    """Return text without characters that XML cannot hold."""
    return _NO_XML.sub("", text)


def _document(root: Xml.Element) -> bytes:
    Xml.indent(root, " ")
    text = Xml.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
