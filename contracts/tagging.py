"""`tagging`: genre, mood and instrument tags of a song, and the sound class of each sample."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.items import ArtifactName
from contracts.music import Confidence, Decibels, Hertz, Seconds, Share, Stem

_BASE64 = r"^[A-Za-z0-9+/]*={0,2}$"
EMBEDDING_SIZE = 200
"""Length of an embedding."""


class SoundClass(StrEnum):
    """The musical class of a sample."""

    KICK = "kick"
    SNARE = "snare"
    CLAP = "clap"
    """Hand claps and finger snaps."""
    RIM = "rim"
    """Rim shots, side sticks, sticks."""
    CLOSED_HAT = "closed_hat"
    """Closed hi-hats, struck or closed with the foot."""
    OPEN_HAT = "open_hat"
    CRASH = "crash"
    RIDE = "ride"
    SPLASH = "splash"
    TOM = "tom"
    COWBELL = "cowbell"
    SHAKER = "shaker"
    """Shakers, maracas and cabasas."""
    TAMBOURINE = "tambourine"
    PERCUSSION = "percussion"
    """Any other percussion."""
    BASS = "bass"
    VOCAL = "vocal"
    SYNTH = "synth"
    """A note or a chord of any other pitched instrument."""
    LOOP = "loop"
    """A sequence of sounds to repeat."""
    UNKNOWN = "unknown"
    """No class reaches the threshold; it has no score."""


class ContentKind(StrEnum):
    """What sounds in a passage of a recording."""

    MUSIC = "music"
    """Any sound but a voice alone."""
    SINGING = "singing"
    """A singing voice, alone or in music."""
    SPEECH = "speech"
    """A speaking voice, alone or over music."""


class ContentSegment(Message):
    """A passage that contains one kind of content."""

    kind: ContentKind
    start: Seconds
    end: Seconds


class TagSource(StrEnum):
    """The vocabulary of a tag: the data set that its network was trained on, or a detector."""

    MTT = "mtt"
    """MagnaTagATune: 50 tags of instruments, voices and moods."""
    MSD = "msd"
    """Million Song Dataset with listeners' tags: 50 tags of genres, decades and moods."""
    CONTENT = "content"
    """The detectors of music, singing and speech: a tag for each kind of content."""


class TagTarget(StrEnum):
    """What to tag the inputs as."""

    AUTO = "auto"
    """Tag slices and items of kind `sample` as samples, everything else as a song."""
    SONG = "song"
    SAMPLES = "samples"


class TaggingParams(StrictModel):
    """How to tag the inputs."""

    target: TagTarget = TagTarget.AUTO
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    """Minimum confidence of a sample's class; below it the class is `unknown`."""
    song_threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.05
    """Minimum confidence of a song's tag; other tags are dropped."""
    sources: Annotated[tuple[TagSource, ...], Field(min_length=1, max_length=3)] = (
        TagSource.MTT,
        TagSource.MSD,
        TagSource.CONTENT,
    )
    """The vocabularies of a song's tags."""


class Tag(Message):
    """A tag of a song."""

    name: Annotated[str, StringConstraints(max_length=60)]
    confidence: Confidence
    """Mean output of the network over the song, which ranks tags and songs and is not calibrated;
    for content the share of the song's time."""
    source: TagSource


class SoundFacts(Message):
    """What a sample measures; `None` if it has no such value, as noise has no pitch.

    Brightness and noisiness are means over the loudest part: the frames of 46 ms that are at most
    20 dB below the loudest one. At most the first 12 seconds are measured.
    """

    loudness: Decibels | None = None
    """Loudness of the loudest 400 ms in LUFS (maximum momentary loudness, EBU Tech 3341). A shorter
    sound counts as followed by silence."""
    brightness: Hertz | None = None
    """Spectral centroid in hertz, of the power spectrum."""
    noisiness: Share | None = None
    """Spectral flatness of magnitudes from 30 Hz to 16 kHz: 0 for a sine, about 0.85 for white
    noise."""
    attack: Seconds | None = None
    """Time in which the envelope rises from 10 % to 90 % of its peak, in seconds. A loop has none,
    nor a decay or a pitch."""
    decay: Seconds | None = None
    """Time from the peak of the envelope until it stays 20 dB below it, in seconds."""
    pitch: Hertz | None = None
    """Fundamental frequency in hertz, 25 to 2000, shortly after the attack."""
    pitch_clarity: Share | None = None
    """How periodic the sound is there, 0.65 to 1."""


class VectorSpace(StrEnum):
    """What vectors can be compared with each other."""

    MUSIC = "music"
    """Songs, stems and recordings: the mean penultimate layer of MusiCNN."""
    SAMPLE = "sample"
    """One-shots and loops: a learnt projection of descriptors."""


class SoundVector(Message):
    """The place of a sound in a vector space, in which sounds that are alike are close."""

    space: VectorSpace
    version: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
    """Which network or projection computed it; vectors of other versions cannot be compared."""
    data: Annotated[str, StringConstraints(pattern=_BASE64, max_length=6000)]
    """The components as half-precision numbers (IEEE 754 binary16, little-endian), in Base64."""


class SampleTags(Message):
    """The class of one sample."""

    file: ArtifactName
    """The classified artifact."""
    stem: Stem | None = None
    label: SoundClass
    confidence: Confidence
    """Calibrated confidence of the best class: at 0.8, about eight samples in ten are right."""
    scores: dict[SoundClass, Confidence]
    """Score of every class but `unknown`; the scores sum to 1."""
    sound: SoundFacts | None = None
    """Measured values; absent in files that tagging 2 wrote."""
    vector: SoundVector | None = None
    """Where it lies among other samples; absent in files that tagging 3 wrote."""
    fingerprint: Annotated[str, StringConstraints(pattern=_BASE64, max_length=2000)] | None = None
    """Levels of eight frequency bands over 1.6 s, 64 × 8 bytes in Base64; equal for copies of a
    sound in other formats and at other gains, to within a few dB."""


class Tags(Message):
    """All tags and scores: the content of `tags.json`."""

    version: Literal[1] = 1
    song: tuple[Tag, ...] = ()
    """Tags of the song, by descending confidence."""
    content: tuple[ContentSegment, ...] = ()
    """What the song contains over time, to three seconds, by start; segments of different kinds may
    overlap. Empty if its detection was not requested, and in files that tagging 4 wrote."""
    samples: tuple[SampleTags, ...] = ()
    """Classes of the samples in the order of the inputs, without silent ones."""
    vector: SoundVector | None = None
    """Where the song lies among other music; absent if no song was tagged."""


class TaggingResult(Message):
    """A summary of the tags; the artifact `tags.json` holds every tag and score."""

    song: tuple[Tag, ...]
    """The ten tags of the song with the highest confidence."""
    samples: Annotated[int, Field(ge=0)]
    """Number of classified samples."""
    classes: dict[SoundClass, Annotated[int, Field(ge=1)]]
    """Number of samples of each class."""
    silent: Annotated[int, Field(ge=0)]
    """Number of silent inputs."""
    embeddings: Annotated[int, Field(ge=0)]
    """Number of vectors in the artifact `embeddings.npz`: one for each input that is not silent."""
    duration: Seconds
    """Total duration of the inputs."""
    engine: str
    """The inference engine."""
    weights: str
    """The networks and the classifier."""
