"""What a handler does first with its audio: read the header, and end where there is no work.

Every ending has the same reason and the same words in every service.
"""

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
    """Nothing can be heard in a job's audio."""

    def __init__(self) -> None:
        super().__init__(
            "silent", "The audio is silent. Give a recording in which something sounds."
        )


@contextmanager
def reject_unreadable() -> Iterator[None]:
    """Reject a job whose audio turns out to be damaged while it is read; also a decorator.

    Raises
    ------
    Rejected
        `unreadable`, with what is wrong with which file.
    """
    try:
        yield
    except UnreadableAudio as error:
        raise Rejected("unreadable", str(error)) from error


def mix_beside(inputs: Sequence[JobInput]) -> JobInput | None:
    """Return the song that is among a job's inputs beside what the job is about, or none."""
    songs = [one for one in inputs if one.kind is ArtifactKind.CANONICAL]
    return songs[0] if len(songs) == 1 < len(inputs) else None


def open_input(
    given: JobInput,
    mix: JobInput | None = None,
    *,
    min_seconds: Seconds,
    measure: Measure | None = None,
) -> AudioFacts:
    """Return what an input's header says, if there is anything to work on.

    Parameters
    ----------
    given
        The job's input.
    mix
        The song that it was separated from, where it is a stem and the song is known: a stem that
        holds nothing but what leaked into it is not worked on.
    min_seconds
        The least length that the service can work on; audio without a sample is always too short.
    measure
        Measures the input, and the mix, while they are read; they are read for it alone where no
        stem is to be judged.

    Raises
    ------
    Skipped
        `too_short`, or `not_heard` with the reason.
    UnreadableAudio
        A file is damaged.
    """
    facts = probe(given.path)
    if facts.samples < max(1, round(min_seconds * facts.sample_rate)):
        raise Skipped(
            "too_short",
            f"The audio lasts {facts.duration:.3f} s, and {min_seconds:g} s are the least to work "
            "on. Give a longer recording.",
        )
    if mix is not None and given.stem is not None and given.kind is ArtifactKind.STEM:
        reason = absence(given.path, mix.path, given.stem, measure=measure)
        if reason is not None:
            raise Skipped("not_heard", reason)
    elif measure is not None:
        for one in (given, mix):
            if one is not None:
                deque(read_measured(one.path, measure), maxlen=0)
    return facts
