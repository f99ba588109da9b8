"""`export`: one archive of a song, a sample or a collection, for a DAW, a sampler or a player."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.base import Message, StrictModel, pattern_string
from contracts.collections import Clearance
from contracts.corrections import CorrectedLanes, CorrectionField
from contracts.ids import ArtifactId, ItemId, JobId
from contracts.items import ArtifactKind, ArtifactName, AudioFacts, ItemKind
from contracts.music import Bpm, Hertz, KeyLabel, Samples, Seconds, Stem
from contracts.tagging import SoundClass

NAME_FIELDS = ("bpm", "class", "name", "key", "number")
"""The fields of a name template."""

NameTemplate = Annotated[
    str,
    pattern_string(
        rf"^([A-Za-z0-9 ._()-]|\{{({'|'.join(NAME_FIELDS)})\}}){{1,100}}$",
        "write letters, digits, spaces, . _ ( ) - and the fields "
        + ", ".join(f"{{{name}}}" for name in NAME_FIELDS),
    ),
]
"""How files of a bundle are named; a field that is unknown is left out with its separator."""


class Preset(StrEnum):
    """What to put into a bundle."""

    STEMS = "stems"
    """Each stem as a WAV of 24 bits, all of one length, with the song's MIDI and markers."""
    DAWPROJECT = "dawproject"
    """A project for Bitwig Studio, Studio One, Cubase and others: stems, notes, tempo, sections."""
    MIDI = "midi"
    """The notes of the song and of each stem as MIDI files, as played and quantised."""
    KARAOKE = "karaoke"
    """The song without its voice, and its words as LRC and `.kar`."""
    MIXDOWN = "mixdown"
    """A stereo mix of the stems, or of the items of a collection."""
    SAMPLES = "samples"
    """Tagged files in folders by class: what was cut from a song, or the items of a collection."""
    DRUM_RACK = "drumrack"
    """A kit as a Drum Rack of Ableton Live 12 (`.adg`)."""
    SFZ = "sfz"
    """A kit, or an instrument, as SFZ."""
    DECENT_SAMPLER = "decent"
    """A kit, or an instrument, as a DecentSampler preset."""
    MULTISAMPLE = "multisample"
    """A kit, or an instrument, as `.multisample` for Bitwig Studio and Studio One."""
    HYDROGEN = "hydrogen"
    """A kit as a drumkit of Hydrogen."""
    LOOPS = "loops"
    """Loops as WAV with their tempo, key and hits, and the groove of each as MIDI."""


class KitSource(StrEnum):
    """What a kit is made of."""

    HITS = "hits"
    """The best hits of an item, of different classes; or a collection, a pad for each item in its
    order."""
    KEYS = "keys"
    """An instrument: samples that have a pitch, mapped to the keyboard."""
    LOOP = "loop"
    """The hits of one loop, with the MIDI clip that replays it; for an item only."""


KITS = frozenset(
    {
        Preset.DRUM_RACK,
        Preset.SFZ,
        Preset.DECENT_SAMPLER,
        Preset.MULTISAMPLE,
        Preset.HYDROGEN,
    }
)
"""Presets that write a kit."""
KEYED = frozenset({Preset.SFZ, Preset.DECENT_SAMPLER, Preset.MULTISAMPLE})
"""Kits whose samples can be mapped to ranges of keys."""
PROCESSED = frozenset({Preset.SAMPLES, Preset.LOOPS})
"""Presets whose sounds can be processed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetFacts:
    """What a preset reads, and of which subjects."""

    title: str
    reads: frozenset[ArtifactKind]
    """Kinds of artifact that it reads of an item."""
    reads_of_members: frozenset[ArtifactKind] = frozenset({ArtifactKind.CANONICAL})
    """Kinds that it reads of each item of a collection; empty if it takes no collection."""


_SCORE = frozenset({ArtifactKind.NOTES, ArtifactKind.ANALYSIS, ArtifactKind.LYRICS})
_SOUND = frozenset({ArtifactKind.CANONICAL, ArtifactKind.STEM})
_SONG = _SOUND | _SCORE
_SAMPLES = frozenset(
    {
        ArtifactKind.CANONICAL,
        ArtifactKind.SAMPLE,
        ArtifactKind.LOOP,
        ArtifactKind.SLICES,
        ArtifactKind.TAGS,
        ArtifactKind.ANALYSIS,
    }
)
PRESETS: Mapping[Preset, PresetFacts] = MappingProxyType(
    {
        Preset.STEMS: PresetFacts(title="Stems as WAV, with MIDI and markers", reads=_SONG),
        Preset.DAWPROJECT: PresetFacts(
            title="DAWproject 1.0",
            reads=_SONG,
            reads_of_members=frozenset({ArtifactKind.CANONICAL, ArtifactKind.NOTES}),
        ),
        Preset.MIDI: PresetFacts(
            title="MIDI files, as played and quantised",
            reads=_SCORE,
            reads_of_members=frozenset({ArtifactKind.NOTES}),
        ),
        Preset.KARAOKE: PresetFacts(
            title="Karaoke: instrumental, LRC and .kar",
            reads=_SONG,
            reads_of_members=frozenset(),
        ),
        Preset.MIXDOWN: PresetFacts(title="Stereo mix", reads=_SOUND | {ArtifactKind.ANALYSIS}),
        Preset.SAMPLES: PresetFacts(
            title="Tagged samples in folders by class",
            reads=frozenset(
                {
                    ArtifactKind.CANONICAL,
                    ArtifactKind.SAMPLE,
                    ArtifactKind.LOOP,
                    ArtifactKind.TAGS,
                }
            ),
        ),
        Preset.DRUM_RACK: PresetFacts(title="Ableton Drum Rack", reads=_SAMPLES),
        Preset.SFZ: PresetFacts(title="SFZ instrument", reads=_SAMPLES),
        Preset.DECENT_SAMPLER: PresetFacts(title="DecentSampler preset", reads=_SAMPLES),
        Preset.MULTISAMPLE: PresetFacts(title="Multisample for Bitwig Studio", reads=_SAMPLES),
        Preset.HYDROGEN: PresetFacts(title="Hydrogen drumkit", reads=_SAMPLES),
        Preset.LOOPS: PresetFacts(title="Loops as acidised WAV, with MIDI", reads=_SAMPLES),
    }
)
"""Every preset."""


class QuantiseOptions(StrictModel):
    """How `midi` quantises its copies."""

    steps_per_beat: Literal[1, 2, 3, 4, 6, 8] = 4
    """Steps of a beat to which notes are moved: 4 are sixteenths, 3 are triplets."""
    swing: Annotated[float, Field(ge=0.5, le=0.75, allow_inf_nan=False)] = 0.5
    """Where the second of two steps lies between the first and the third: 0.5 is straight."""


class MixdownOptions(StrictModel):
    """How `mixdown` mixes; without any of these the mix is the sum of the stems."""

    without: Annotated[tuple[Stem, ...], Field(max_length=8)] = ()
    """Stems to leave out."""
    match_loudness: bool = False
    """Bring each track to the median loudness of all, by at most 12 dB."""
    spread: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    """How far to pan tracks to the sides, in turns; vocals, bass and drums stay in the middle."""
    fade_in: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0.0
    """Length of a fade at the beginning in seconds."""
    fade_out: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 0.0
    """Length of a fade at the end in seconds."""
    count_in_bars: Annotated[int, Field(ge=0, le=4)] = 0
    """Bars of clicks before the song."""
    click: bool = False
    """Whether a click plays through the song, on each beat."""
    peak_dbfs: Annotated[float, Field(ge=-60, le=0, allow_inf_nan=False)] | None = None
    """Scale the mix to this peak; if null, it is not scaled."""


class ProcessingOptions(StrictModel):
    """How the sound of `samples` and `loops` is changed; by default it is not."""

    bpm: Annotated[float, Field(ge=20, le=400, allow_inf_nan=False)] | None = None
    """Fit loops to this tempo, in beats per minute, at the same pitch; at most to half or double
    their own. One-shots keep their speed."""
    key: KeyLabel | None = None
    """Transpose loops and pitched sounds to this key, or to its relative key if their mode differs,
    by at most 6 semitones at the same length. Drums keep their pitch."""
    trim: bool = False
    """Only for `samples`: cut off what is more than 60 dB below the peak at both ends."""
    peak_dbfs: Annotated[float, Field(ge=-60, le=0, allow_inf_nan=False)] | None = None
    """Scale each sound to this peak."""

    @property
    def requested(self) -> bool:
        """Whether any change is asked for."""
        return self != ProcessingOptions()


class SampleFormat(StrEnum):
    """The file format of exported samples."""

    WAV = "wav"
    """24 bits, with tags in `LIST INFO`."""
    FLAC = "flac"
    """The stored audio, with Vorbis comments: title, artist, tempo, key, licence and more."""
    MP3 = "mp3"
    """Variable bit rate near 245 kbit/s in stereo, with the same tags in ID3v2.4."""


class SampleOptions(StrictModel):
    """How `samples` writes files."""

    format: SampleFormat = SampleFormat.WAV


class KitOptions(StrictModel):
    """How kits are made."""

    source: KitSource = KitSource.HITS
    """What the kit is made of."""
    pads: Annotated[int, Field(ge=1, le=92)] = 16
    """Only for the hits of an item: maximum number of pads."""
    layers: bool = True
    """Only for the hits of an item: whether hits that sound alike share a pad, as velocity layers
    and round robins. Formats without them take the best of each pad."""
    loop: Annotated[int, Field(ge=0)] | None = None
    """Only for the hits of a loop: its `index` in `slices.json`, of the drums if several stems were
    sliced; by default the loop with the best score."""


class LoopOptions(StrictModel):
    """How `loops` writes files."""

    aiff: bool = False
    """Whether to write each loop as AIFF too."""


class ExportParams(StrictModel):
    """What to export, and how to name the files."""

    preset: Preset = Preset.STEMS
    """What to put into the bundle."""
    names: NameTemplate = "{bpm}_{class}_{name}_{key}"
    """Names of the files, without suffix."""
    sharps: Literal["#", "s"] = "#"
    """How to write a sharp in file names."""
    every_beat: bool = False
    """Write a tempo for every beat, so that each bar line lies on the detected beat within 1 ms. By
    default a steady song has one tempo, and others as few as follow the beats."""
    quantise: QuantiseOptions = QuantiseOptions()
    """Only for `midi`."""
    mixdown: MixdownOptions = MixdownOptions()
    """Only for `mixdown`."""
    samples: SampleOptions = SampleOptions()
    """Only for `samples`."""
    kit: KitOptions = KitOptions()
    """Only for kits: `drumrack`, `sfz`, `decent`, `multisample`, `hydrogen`."""
    loops: LoopOptions = LoopOptions()
    """Only for `loops`."""
    processing: ProcessingOptions = ProcessingOptions()
    """Only for `samples` and `loops`."""

    @model_validator(mode="after")
    def _format_has_ranges(self) -> Self:
        if self.kit.source is KitSource.KEYS and self.preset in KITS - KEYED:
            raise ValueError(
                f"{self.preset.value} has no ranges of keys; write one of "
                f"{', '.join(sorted(KEYED))}, or take the kit's source from hits"
            )
        return self

    @model_validator(mode="after")
    def _sounds_can_be_processed(self) -> Self:
        if self.processing.requested and self.preset not in PROCESSED:
            raise ValueError(
                f"{self.preset.value} does not process sounds; leave out `processing`, or export "
                f"one of {', '.join(sorted(PROCESSED))}"
            )
        if self.processing.trim and self.preset is Preset.LOOPS:
            raise ValueError("a loop that is trimmed no longer lasts whole bars; leave out `trim`")
        return self


def kinds_of(params: ExportParams, *, members: bool) -> frozenset[ArtifactKind]:
    """Return the kinds of artifact that an export reads of each item.

    Parameters
    ----------
    members
        Whether the items are those of a collection.
    """
    preset = PRESETS[params.preset]
    return preset.reads_of_members if members else preset.reads


class ExportProducer(Message):
    """Which job stored some of the files that an export reads."""

    job: JobId
    task: str
    """The task, such as `separation`."""
    engine: str = ""
    version: str = ""
    """Version of the service."""
    weights: str = ""
    artifacts: tuple[ArtifactId, ...]
    """The files."""


class ExportItem(Message):
    """What the library knows of an item whose files an export reads."""

    id: ItemId
    kind: ItemKind
    name: str
    """Without the suffix of an audio file."""
    audio: AudioFacts | None = None
    bpm: Bpm | None = None
    stem: Stem | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    tags: tuple[str, ...] = ()
    """Custom tags."""
    sound_class: SoundClass | None = None
    key: KeyLabel | None = None
    corrected: tuple[CorrectionField, ...] = ()
    """What its user corrected: these values count instead of those in files of results."""
    pitch: Hertz | None = None
    clearance: Clearance
    """Licence and source, read through the lineage."""


class ExportFacts(Message):
    """What the worker of an export receives besides the files."""

    title: str
    """The name of the item or of the collection."""
    items: tuple[ExportItem, ...]
    """Each item of the subject, in the collection's order."""
    lanes: CorrectedLanes = CorrectedLanes()
    """The lanes that a user corrected, if the subject is an item."""
    producers: tuple[ExportProducer, ...] = ()


class ExportResult(Message):
    """A summary of a bundle; its `manifest.json` lists every file."""

    preset: Preset
    file: ArtifactName
    """The archive."""
    files: Annotated[int, Field(ge=1)]
    """Number of files in the archive."""
    content_bytes: Annotated[int, Field(ge=0)]
    """Size of all files together."""
    duration: Seconds
    """Length of the longest audio file."""
    clipped: Samples = 0
    """Samples beyond full scale, which were clipped."""
    left_out: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """What is missing in the bundle and why, as text for a person."""
    remarks: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """What was changed or guessed, as text for a person."""
