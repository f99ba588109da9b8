"""The gate before work on a separated stem: is there anything in it?"""

from collections.abc import Sequence

from contracts.items import ArtifactKind
from kit.audio.presence import absence
from kit.worker.job import JobInput
from kit.worker.outcomes import Skipped


def mix_beside(inputs: Sequence[JobInput]) -> JobInput | None:
    """Return the song that is among a job's inputs beside what the job is about, or none."""
    songs = [one for one in inputs if one.kind is ArtifactKind.CANONICAL]
    return songs[0] if len(songs) == 1 < len(inputs) else None


def skip_if_absent(given: JobInput, mix: JobInput | None) -> None:
    """Go on only with a stem in which something is heard, judged against its song.

    Parameters
    ----------
    given
        The job's input. What is no separated stem always passes.
    mix
        The song that it was separated from; without it nothing is judged.

    Raises
    ------
    Skipped
        `not_heard`, with the reason.
    UnreadableAudio
        A file is damaged.
    """
    if mix is None or given.stem is None or given.kind is not ArtifactKind.STEM:
        return
    if reason := absence(given.path, mix.path, given.stem):
        raise Skipped("not_heard", reason)
