"""What a bundle is written from: songs with their stems, and kits with their samples.

The data classes are plain and frozen. Positions in a song are seconds from its first sample,
positions in a sample are samples of its own file, unless a field says otherwise.
"""

from dataclasses import dataclass
from pathlib import Path

from contracts.analysis import ChordSegment, Section
from contracts.items import AudioFacts
from contracts.midi import Note, PedalPress
from contracts.music import Stem
from contracts.tagging import SoundClass
from contracts.transcribe import LyricLine
from kit.signal.tempo_grid import Grid

COLOURS = {
    Stem.DRUMS: "#d9612b",
    Stem.BASS: "#3b74c4",
    Stem.VOCALS: "#c43b8f",
    Stem.GUITAR: "#4f9e45",
    Stem.PIANO: "#7c5cc4",
    Stem.OTHER: "#2fa3a0",
    Stem.ACCOMPANIMENT: "#2fa3a0",
    Stem.MIX: "#8a8a8a",
}
"""The colour of each stem's track, `#rrggbb`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """Where a file of a bundle comes from."""

    item: str
    """The item that the file belongs to."""
    artifact: str | None = None
    """The stored file, if the bundle's file was written from one."""
    sha256: str = ""
    """SHA-256 of that stored file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sound that is played as a whole, or as a loop."""

    path: Path
    """A local audio file that libsndfile reads: FLAC or WAV."""
    name: str
    """The name in a bundle, unique and legal as a file name on every system; without a suffix."""
    audio: AudioFacts
    source: FileSource
    sound: SoundClass | None = None
    bpm: float | None = None
    """Beats per minute, if it is a loop or its tempo is known."""
    bars: int | None = None
    """Length in bars, if it is a loop."""
    beats_per_bar: int = 4
    key: str | None = None
    """Such as `F#:min`."""
    pitch: float | None = None
    """Fundamental frequency in Hz."""
    level_dbfs: float | None = None
    """RMS of the loudest 10 ms."""
    peak_dbfs: float | None = None
    group: int | None = None
    """Samples of one song with the same number sound alike."""
    score: float = 0.0
    """How clean and complete the sound is, 0 to 1."""
    loop: tuple[int, int] | None = None
    """First sample of the sustained loop, and one past its last."""
    cues: tuple[int, ...] = ()
    """Samples at which hits or beats begin, ascending."""
    notes: tuple[Note, ...] = ()
    """Notes of a loop in seconds from its first sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PadLayer:
    """One sample of a pad, and when it sounds."""

    sample: Sample
    low_velocity: int = 1
    high_velocity: int = 127
    """The velocities that sound it, both included; layers of one range take turns."""
    gain_db: float = 0.0
    """Gain that brings the sample to the level of the pad's loudest one. Played at its velocity, it
    then sounds at its own level, if the player's velocity curve is 40 · log10(velocity / 127) dB.
    """
    tune_cents: float = 0.0
    """Tuning that brings the sample to the pitch of the pad's note, -50 to 50."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """A key, or a range of keys, of a kit and what it plays."""

    name: str
    layers: tuple[PadLayer, ...]
    note: int
    """The MIDI note that plays the samples at their own pitch."""
    low_note: int
    high_note: int
    """The range of keys, both included; a drum pad has only `note`."""
    choke: int | None = None
    """Pads of one choke group stop each other, as a closed hi-hat stops an open one."""
    pan: float = 0.0
    """-1 (left) to 1 (right)."""
    gain_db: float = 0.0
    colour: str = "#8a8a8a"
    """`#rrggbb`."""

    @property
    def turns(self) -> tuple[tuple[PadLayer, tuple[int, int]], ...]:
        """Each layer with its place in the round robin of its velocity range.

        The place counts from 1; the second number is how many layers take turns.
        """
        ranges: dict[tuple[int, int], list[PadLayer]] = {}
        for layer in self.layers:
            ranges.setdefault((layer.low_velocity, layer.high_velocity), []).append(layer)
        return tuple(
            (layer, (place, len(layers)))
            for layers in ranges.values()
            for place, layer in enumerate(layers, 1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """An instrument: pads in the order of their keys."""

    name: str
    pads: tuple[Pad, ...]
    bpm: float | None = None
    groove: tuple[Note, ...] = ()
    """Notes that play the kit as the loop that it was cut from, in seconds from its start."""
    bars: int | None = None
    """Length of the groove in bars."""
    beats_per_bar: int = 4

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Each sample of the kit once, in the order of the pads."""
        layers = (layer for pad in self.pads for layer in pad.layers)
        return tuple({layer.sample.name: layer.sample for layer in layers}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class StemTrack:
    """A track of a song: a stem's sound, its notes, or both."""

    name: str
    """Such as `Drums`; unique in the song."""
    file_name: str
    """The name of its files, unique and legal on every system; without a suffix."""
    stem: Stem | None
    path: Path | None = None
    """A local audio file, from the song's first sample."""
    audio: AudioFacts | None = None
    source: FileSource | None = None
    notes: tuple[Note, ...] = ()
    bend_interval: float = 0.0
    """Seconds between two values of `Note.bends`."""
    pedals: tuple[PedalPress, ...] = ()
    """When the sustain pedal is down."""
    program: int | None = None
    """General MIDI program, from 0, of the notes; `None` for drums."""
    gain_db: float = 0.0
    pan: float = 0.0
    """-1 (left) to 1 (right)."""

    @property
    def colour(self) -> str:
        """The colour of the track, `#rrggbb`."""
        return COLOURS[self.stem or Stem.MIX]

    @property
    def drums(self) -> bool:
        """Whether its notes are drum notes."""
        return self.program is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """A recording with its stems, its tempo map, its form and its words."""

    name: str
    audio: AudioFacts
    grid: Grid
    """Beats and bars in seconds."""
    tempo_known: bool
    """Whether `grid` was measured; otherwise it is 120 BPM and its bars mean nothing."""
    artist: str = ""
    mix: Path | None = None
    """The whole recording as a local audio file."""
    source: FileSource | None = None
    tracks: tuple[StemTrack, ...] = ()
    beats: tuple[float, ...] = ()
    """Every detected beat in seconds."""
    key: str | None = None
    chords: tuple[ChordSegment, ...] = ()
    sections: tuple[Section, ...] = ()
    lyrics: tuple[LyricLine, ...] = ()
    language: str = ""
    samples: tuple[Sample, ...] = ()
    """Slices of the song or of its stems."""
