"""Read the audio facts of a canonical file from its header."""

from pathlib import Path

from contracts.items import AudioFacts
from kit.audio.decode import UnreadableAudio, open_audio

_LONGEST = 1 << 40
"""More samples than any canonical file has; libsndfile reports 2^63 - 1 for an unknown length."""


def probe(path: Path) -> AudioFacts:
    """Return the rate, the channels and the length of a file without decoding it.

    Parameters
    ----------
    path
        A file of one or two channels that a service of this project wrote.

    Returns
    -------
    AudioFacts
        `duration` in seconds, `sample_rate` in Hz, `channels` 1 or 2, `samples` of one channel.

    Raises
    ------
    UnreadableAudio
        The file is missing, not audio, has no stated length, or has more than two channels.
    """
    with open_audio(path) as file:
        rate, channels, samples = int(file.samplerate), int(file.channels), int(file.frames)
    if samples > _LONGEST:
        raise UnreadableAudio(
            f"the header of {path.name} does not state its length; write the file again"
        )
    if channels > 2:
        raise UnreadableAudio(
            f"{path.name} has {channels} channels; a canonical file has one or two"
        )
    return AudioFacts(duration=samples / rate, sample_rate=rate, channels=channels, samples=samples)
