"""Check a job's audio before work starts, with the same outcomes in every service."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from contracts.items import ArtifactKind, AudioFacts
from contracts.music import Seconds
from kit.audio.decode import Measure, UnreadableAudio, read_measured
from kit.audio.presence import absence
from kit.audio.probe import probe
from kit.worker.job import JobInput
from kit.worker.outcomes import Rejected, Skipped


class Silent(Skipped):
    """The job's audio is silent."""

    def __init__(self) -> None:
        super().__init__("silent", "The audio is silent. Use a recording that contains sound.")


@contextmanager
def reject_unreadable() -> Iterator[None]:
    """Turn `UnreadableAudio` in the `with` block into a rejected job; also a decorator.

    Raises
    ------
    Rejected
        With the reason `unreadable`; the message names the file and the fault.
    """
    try:
        yield
    except UnreadableAudio as error:
        raise Rejected("unreadable", str(error)) from error


def find_mix(inputs: Sequence[JobInput]) -> JobInput | None:
    """Return the song among a job's inputs if there is one besides the stem; `None` otherwise."""
    songs = [song for song in inputs if song.kind is ArtifactKind.CANONICAL]
    return songs[0] if len(songs) == 1 < len(inputs) else None


def open_input(
    audio: JobInput,
    mix: JobInput | None = None,
    *,
    min_seconds: Seconds,
    measure: Measure | None = None,
) -> AudioFacts:
    """Return the facts of an input's header if the audio is worth processing.

    Parameters
    ----------
    audio
        The job's input.
    mix
        The song that a stem was separated from, if it is known: a stem that contains only bleed
        from other instruments is skipped.
    min_seconds
        Minimum length; audio without samples is always too short.
    measure
        Measures the input and the mix in the same pass as the presence check; without that check
        they are read for the measurement alone.

    Raises
    ------
    Skipped
        With the reason `too_short` or `not_heard`.
    UnreadableAudio
        A file is damaged.
    """
    facts = probe(audio.path)
    if facts.samples < max(1, round(min_seconds * facts.sample_rate)):
        raise Skipped(
            "too_short",
            f"The audio lasts {facts.duration:.3f} s; this task needs {min_seconds:g} s or more. "
            "Use a longer recording.",
        )
    if mix is not None and audio.stem is not None and audio.kind is ArtifactKind.STEM:
        reason = absence(audio.path, mix.path, audio.stem, measure=measure)
        if reason is not None:
            raise Skipped("not_heard", reason)
    elif measure is not None:
        for file in (audio, mix):
            if file is not None:
                deque(read_measured(file.path, measure), maxlen=0)
    return facts
