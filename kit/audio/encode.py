"""Write audio files as a stream, through libsndfile."""

from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from contracts.items import AudioFacts
from kit.arrays import AudioBlock
from kit.audio.seek_table import SeekTableFile

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""The rates of MPEG-1, -2 and -2.5 layer III, in Hz."""
VORBIS_MAX = 200_000
"""The highest rate that libvorbis encodes, in Hz."""
FLAC_PLAIN_MAX = 65_535
"""Above this rate FLAC's streamable subset allows only multiples of 10 Hz."""
FLAC_MAX = 655_350

# libvorbis keeps a block's windows on the stack: a long write overflows it.
_WRITE = 16_384


class AudioForm(StrEnum):
    """A file format and, where it has one, its sample format."""

    FLAC_16 = "flac16"
    FLAC_24 = "flac24"
    """The format of canonical audio."""
    WAV_16 = "wav16"
    WAV_24 = "wav24"
    WAV_FLOAT = "wavfloat"
    """32-bit float; keeps samples beyond full scale."""
    OGG = "ogg"
    """Vorbis."""
    MP3 = "mp3"

    @property
    def suffix(self) -> str:
        """The end of a file's name, with its dot."""
        return f".{_SUBTYPES[self][0].lower()}"

    @property
    def media_type(self) -> str:
        """The media type of such a file."""
        kinds = {".flac": "audio/flac", ".wav": "audio/wav", ".ogg": "audio/ogg"}
        return kinds.get(self.suffix, "audio/mpeg")

    @property
    def bits(self) -> int | None:
        """Bits of an integer sample, `None` for float and lossy forms."""
        return {"16": 16, "24": 24}.get(self.value[-2:])


_SUBTYPES = {
    AudioForm.FLAC_16: ("FLAC", "PCM_16"),
    AudioForm.FLAC_24: ("FLAC", "PCM_24"),
    AudioForm.WAV_16: ("WAV", "PCM_16"),
    AudioForm.WAV_24: ("WAV", "PCM_24"),
    AudioForm.WAV_FLOAT: ("WAV", "FLOAT"),
    AudioForm.OGG: ("OGG", "VORBIS"),
    AudioForm.MP3: ("MP3", "MPEG_LAYER_III"),
}


def nearest_rate(form: AudioForm, sample_rate: int) -> int:
    """Return the rate in Hz that a format can store and that is nearest to `sample_rate`.

    Raises
    ------
    ValueError
        The rate is below 1 Hz.
    """
    if sample_rate < 1:
        raise ValueError(f"a rate is at least 1 Hz, not {sample_rate}")
    if form is AudioForm.MP3:
        return min(MP3_RATES, key=lambda rate: (abs(rate - sample_rate), -rate))
    if form is AudioForm.OGG:
        return min(sample_rate, VORBIS_MAX)
    if form in (AudioForm.FLAC_16, AudioForm.FLAC_24) and sample_rate > FLAC_PLAIN_MAX:
        return min(round(sample_rate / 10) * 10, FLAC_MAX)
    return sample_rate


def quantise(block: AudioBlock, bits: int) -> NDArray[np.int32]:
    """Round samples to integers of some bits, left-aligned in 32.

    Parameters
    ----------
    block
        Float32 `[channels, samples]`; finite. Samples beyond full scale are clipped.
    bits
        2 to 24.

    Returns
    -------
    NDArray[int32]
        `[channels, samples]`; 1.0 stands for `2**31`, one above the largest. Samples that came
        from integers of as many bits come back as the same integers.
    """
    # A power of two scales float32 exactly, and it holds every integer of 24 bits.
    scale = np.float32(2 ** (bits - 1))
    whole: NDArray[np.float32] = np.clip(np.rint(block * scale), -scale, scale - 1)
    return whole.astype(np.int32) << (32 - bits)


class Encoder:
    """Writes an audio file block by block; a context manager.

    FLAC of 30 s or more gets a seek table.

    Parameters
    ----------
    path
        Where to write; replaced if it exists. Removed again when the `with` block raises.
    sample_rate
        In Hz; must be a rate of the format, see `nearest_rate`.
    channels
        1 to 8; MP3 allows 1 or 2.
    form
        The file format.
    quality
        For OGG and MP3, 0 (small) to 1 (best).

    Raises
    ------
    ValueError
        The format cannot store this rate or these channels, or `quality` is out of range.
    """

    def __init__(
        self,
        path: Path,
        sample_rate: int,
        *,
        channels: int,
        form: AudioForm = AudioForm.FLAC_24,
        quality: float = 0.8,
    ) -> None:
        nearest = nearest_rate(form, sample_rate)
        if nearest != sample_rate:
            raise ValueError(
                f"{form} cannot store {sample_rate} Hz; resample to {nearest} Hz, its nearest rate"
            )
        max_channels = 2 if form is AudioForm.MP3 else 8
        if not 1 <= channels <= max_channels:
            raise ValueError(f"{form} takes 1 to {max_channels} channels, not {channels}")
        if not 0.0 <= quality <= 1.0:
            raise ValueError(f"quality lies between 0 and 1, not at {quality}")
        self._path = path
        self._form = form
        self._channels = channels
        self._rate = sample_rate
        self._samples = 0
        container, subtype = _SUBTYPES[form]
        lossy = form in (AudioForm.OGG, AudioForm.MP3)
        self._indexed = SeekTableFile(path, sample_rate) if container == "FLAC" else None
        self._file = soundfile.SoundFile(
            self._indexed or path,
            "w",
            samplerate=sample_rate,
            channels=channels,
            format=container,
            subtype=subtype,
            compression_level=1.0 - quality if lossy else None,
        )

    @property
    def facts(self) -> AudioFacts:
        """Facts of the audio written so far; for one or two channels."""
        return AudioFacts(
            duration=self._samples / self._rate,
            sample_rate=self._rate,
            channels=self._channels,
            samples=self._samples,
        )

    @property
    def samples(self) -> int:
        """Samples of one channel written so far."""
        return self._samples

    def write(self, block: AudioBlock) -> None:
        """Append a block, `[channels, samples]`.

        Raises
        ------
        ValueError
            The block has other channels than the file.
        OSError
            The file could not be written.
        """
        if block.ndim != 2 or len(block) != self._channels:
            raise ValueError(f"the file has {self._channels} channels, the block {block.shape}")
        bits = self._form.bits
        for first in range(0, block.shape[1], _WRITE):
            part = block[:, first : first + _WRITE]
            whole = part.astype(np.float32) if bits is None else quantise(part, bits)
            try:
                self._file.write(np.ascontiguousarray(whole.T))
            finally:
                self._raise_error()
        self._samples += block.shape[1]

    def close(self) -> None:
        """Finish the file; a second call does nothing. Raises `OSError` if that fails."""
        self._file.close()
        if self._indexed is not None:
            self._indexed.close()
            self._raise_error()

    def _raise_error(self) -> None:
        if self._indexed is not None and self._indexed.error is not None:
            raise self._indexed.error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)
