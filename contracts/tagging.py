"""`tagging`: what a song sounds like, and what each of its samples is."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.base import Message, StrictModel
from contracts.items import ArtifactName
from contracts.music import Confidence, Seconds, Stem

EMBEDDING_SIZE = 200
"""Numbers of one embedding."""


class SoundClass(StrEnum):
    """What a sample is to someone who makes music with it."""

    KICK = "kick"
    SNARE = "snare"
    CLAP = "clap"
    """Hand claps and finger snaps."""
    RIM = "rim"
    """Rim shots, side sticks, sticks."""
    CLOSED_HAT = "closed_hat"
    OPEN_HAT = "open_hat"
    CRASH = "crash"
    RIDE = "ride"
    TOM = "tom"
    PERCUSSION = "percussion"
    """Anything else that is struck or shaken."""
    BASS = "bass"
    VOCAL = "vocal"
    SYNTH = "synth"
    """A note or a chord of any other pitched instrument."""
    LOOP = "loop"
    """Several sounds in a row, to be repeated."""
    UNKNOWN = "unknown"
    """None of them is sure enough; never one of the scores."""


class TagSource(StrEnum):
    """The vocabulary that a tag is a word of: the data that its network was trained on."""

    MTT = "mtt"
    """MagnaTagATune: instruments, voices, moods; 50 words."""
    MSD = "msd"
    """The Million Song Dataset with tags of listeners: genres, decades, moods; 50 words."""


class TagTarget(StrEnum):
    """What the inputs are tagged as."""

    AUTO = "auto"
    """Slices and items of the kind `sample` are samples; anything else is a song."""
    SONG = "song"
    SAMPLES = "samples"


class TaggingParams(StrictModel):
    """How to listen."""

    subject: TagTarget = TagTarget.AUTO
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    """A sample whose best class is less sure than this is `unknown`; its scores stay."""
    song_threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.05
    """Tags of a song that are less sure than this are left out."""
    sources: Annotated[tuple[TagSource, ...], Field(min_length=1, max_length=2)] = (
        TagSource.MTT,
        TagSource.MSD,
    )
    """Whose words a song is tagged with."""


class Tag(Message):
    """A word that fits a song."""

    name: Annotated[str, StringConstraints(max_length=60)]
    confidence: Confidence
    """The network's own, as the mean over the song: it ranks tags and songs, and is no share of
    cases in which the tag is right."""
    source: TagSource


class SampleTags(Message):
    """What one sample is."""

    file: ArtifactName
    """The artifact that was heard."""
    stem: Stem | None = None
    label: SoundClass
    confidence: Confidence
    """Of the best class, calibrated: of the samples at 0.8, about eight in ten are right."""
    scores: dict[SoundClass, Confidence]
    """Of every class but `unknown`; they sum to 1."""


class Tags(Message):
    """Everything that was heard: the content of `tags.json`."""

    version: Literal[1] = 1
    song: tuple[Tag, ...] = ()
    """The surest first."""
    samples: tuple[SampleTags, ...] = ()
    """In the order of the inputs; those that are silent are left out."""


class TaggingResult(Message):
    """What was heard, in numbers; every tag and score stands in the artifact `tags.json`."""

    song: tuple[Tag, ...]
    """The ten surest tags of the song."""
    samples: Annotated[int, Field(ge=0)]
    """How many were told apart."""
    classes: dict[SoundClass, Annotated[int, Field(ge=1)]]
    """How many samples of each class there are."""
    silent: Annotated[int, Field(ge=0)]
    """Inputs in which nothing is to be heard."""
    embeddings: Annotated[int, Field(ge=0)]
    """Vectors in the artifact `embeddings.npz`: one for each input that sounds."""
    duration: Seconds
    """Of all that was listened to."""
    engine: str
    """What ran the networks."""
    weights: str
    """Which networks, and which classifier."""
