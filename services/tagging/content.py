"""Detect where a recording contains music, singing and speech.

Three measures of the 15 seconds around each patch of three seconds decide:

- the probability of speech by Silero's network, which is high in speech and in singing alone,
- the evidence for a voice: MusiCNN's tags for voices against its tags for music without one,
- how much a voice alone behaves like singing: notes that are held, long voiced passages, and
  little change of level at the rate of syllables (after E. Scheirer and M. Slaney, "Construction
  and evaluation of a robust multifeature speech/music discriminator", ICASSP 1997).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contracts.music import Seconds, Share
from contracts.tagging import ContentKind, ContentSegment, TagSource
from kit.arrays import F32, F64
from services.tagging.mel import HOP as MEL_HOP
from services.tagging.mel import PATCH
from services.tagging.vocabulary import VOCABULARY
from services.tagging.voice_activity import CHUNK, RATE

_PATCH_SECONDS = PATCH * MEL_HOP / RATE
_NEIGHBOURS = 2
"""Patches before and after one that are judged with it."""
_SIZE, _HOP = 1024, 256
_LOWEST, _HIGHEST = 70.0, 900.0
"""Hz of a voice."""
_CLEAR = 0.7
"""Autocorrelation from which a frame has a pitch."""
_RANGE_DB = 30.0
"""Frames further below the loudest ones have no pitch that counts."""
_HELD_FRAMES, _HELD_SEMITONES = 8, 0.7
"""A pitch is held if it stays within this range for 128 ms."""
_MIN_VOICED = 62
"""Frames: a second. Less of a voice counts as speech."""
_SILENT_DB = -60.0
_VOICE_ALONE = 0.43
"""Probability of speech above which a voice is in the foreground."""
_SPEECH_IN_MUSIC = 0.6
_VOICE_IN_MUSIC = 3.3
"""Evidence above which music has a voice."""
_SUNG = 0.5
_ACCOMPANIED_DB = -16.0
"""In speech the pauses are further below the level of the words, unless something else sounds."""
_SHORTEST_ACCOMPANIED = 3
"""Patches in which there must be a pause, if nothing else sounds."""
_SYLLABLES = (2.5, 7.0)
_CHANGES = (0.3, 15.0)
"""Hz: the rate of syllables, and all changes of level."""

_MTT = VOCABULARY[TagSource.MTT]
_VOICES = [
    _MTT.index(name)
    for name in (
        *("vocal", "vocals", "voice", "singing", "opera", "choir", "choral", "man", "woman"),
        *("male", "female", "male vocal", "female vocal", "male voice", "female voice"),
    )
]
_NO_VOICES = [_MTT.index(name) for name in ("no vocals", "no vocal", "no voice")]
_MIN_TAG = 1e-3
_WINDOW = np.hanning(_SIZE).astype(np.float32)


def _window_correlation() -> F64:
    spectrum = np.abs(np.fft.rfft(_WINDOW, 2 * _SIZE)) ** 2
    correlation = np.fft.irfft(spectrum)[:_SIZE]
    return np.asarray(correlation / correlation[0], np.float64)


_CORRELATION = _window_correlation()


@dataclass
class VoiceMeter:
    """Follows level and pitch of mono audio at 16 kHz; memory grows by 1 kB for each second."""

    _held: F32 = field(default_factory=lambda: np.zeros(_SIZE // 2, np.float32))
    _levels: list[F64] = field(default_factory=list)
    _pitches: list[F64] = field(default_factory=list)

    def feed(self, samples: F32) -> None:
        """Read the next samples, `[n]`."""
        self._held = np.concatenate([self._held, samples])
        count = (self._held.size - _SIZE) // _HOP + 1
        if count < 1:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._held, _SIZE)
        frames = frames[: (count - 1) * _HOP + 1 : _HOP]
        centred = frames - frames.mean(axis=1, keepdims=True)
        self._levels.append(10.0 * np.log10(np.square(centred).mean(axis=1) + 1e-10))
        self._pitches.append(_pitch(centred))
        self._held = self._held[count * _HOP :]

    def finish(self) -> tuple[F64, F64]:
        """Return levels in dBFS and pitches in semitones (NaN: none), 62.5 a second."""
        empty = np.zeros(0)
        return np.concatenate([empty, *self._levels]), np.concatenate([empty, *self._pitches])


def detect_content(
    tags: F32, speech: F32, meter: VoiceMeter, duration: Seconds
) -> tuple[ContentSegment, ...]:
    """Find the passages with music, singing and speech.

    Parameters
    ----------
    tags
        MusiCNN's tags by MagnaTagATune, `[patches, 50]`, one patch every 2.992 s.
    speech
        The probability of speech, one value every 32 ms.
    meter
        Has read the whole recording.
    duration
        Of the recording.

    Returns
    -------
    tuple[ContentSegment, ...]
        In the order of time; segments of different kinds overlap where a voice sounds over music.
    """
    levels, pitches = meter.finish()
    probabilities = speech.astype(np.float64)
    kinds = [
        _kinds(
            tags[max(0, index - _NEIGHBOURS) : index + 1 + _NEIGHBOURS],
            _around(probabilities, index, RATE / CHUNK),
            _around(levels, index, RATE / _HOP),
            _around(pitches, index, RATE / _HOP),
        )
        if _around(levels, index, RATE / _HOP, neighbours=0).max(initial=-np.inf) > _SILENT_DB
        else frozenset[ContentKind]()
        for index in range(len(tags))
    ]
    segments = [
        segment for kind in ContentKind for segment in _segments(kinds, kind, duration=duration)
    ]
    return tuple(sorted(segments, key=lambda segment: (segment.start, segment.kind)))


def shares(segments: Sequence[ContentSegment], duration: Seconds) -> dict[ContentKind, Share]:
    """Return the share of a recording's time that each kind takes."""
    return {
        kind: min(
            1.0, sum(item.end - item.start for item in segments if item.kind is kind) / duration
        )
        for kind in ContentKind
    }


def _kinds(tags: F32, speech: F64, levels: F64, pitches: F64) -> frozenset[ContentKind]:
    """Return what sounds in a patch that is not silent, from what its surroundings measure."""
    means = tags.mean(axis=0)
    evidence = float(np.log(means[_VOICES].sum() / max(float(means[_NO_VOICES].max()), _MIN_TAG)))
    probability = float(speech.mean()) if speech.size else 0.0
    if probability < _VOICE_ALONE:
        sung = evidence > _VOICE_IN_MUSIC
        return frozenset({ContentKind.MUSIC, ContentKind.SINGING} if sung else {ContentKind.MUSIC})
    quiet, loud = np.percentile(levels, (10, 90))
    if len(tags) >= _SHORTEST_ACCOMPANIED and quiet - loud > _ACCOMPANIED_DB:
        spoken = probability > _SPEECH_IN_MUSIC
        return frozenset({ContentKind.MUSIC, ContentKind.SPEECH if spoken else ContentKind.SINGING})
    if _sung(speech, levels, pitches) > _SUNG:
        return frozenset({ContentKind.SINGING})
    return frozenset({ContentKind.SPEECH})


def _sung(speech: F64, levels: F64, pitches: F64) -> float:
    """Return how much a voice alone behaves like singing: about 0 for speech, 1 for singing."""
    places = (np.arange(levels.size) * _HOP // CHUNK).clip(max=speech.size - 1)
    voiced = np.isfinite(pitches) & (levels > np.percentile(levels, 95) - _RANGE_DB)
    voiced &= speech[places] > 0.5
    count = int(voiced.sum())
    if count < _MIN_VOICED:
        return 0.0
    spans = np.lib.stride_tricks.sliding_window_view(
        np.where(voiced, pitches, np.inf), _HELD_FRAMES
    )
    with np.errstate(invalid="ignore"):
        starts = np.ptp(spans, axis=1) <= _HELD_SEMITONES
    held = np.convolve(starts, np.ones(_HELD_FRAMES), "full") > 0
    lengths = np.diff(_runs(voiced))[:, 0] * _HOP / RATE
    length = float(np.average(lengths, weights=lengths))
    return length + float(held.sum()) / count - _syllables(levels)


def _syllables(levels: F64) -> float:
    """Return the share of the level's changes at the rate of syllables."""
    envelope = 10.0 ** (levels / 20.0)
    power = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2
    rates = np.fft.rfftfreq(levels.size, _HOP / RATE)

    def within(bounds: tuple[float, float]) -> float:
        return float(power[(rates > bounds[0]) & (rates < bounds[1])].sum())

    return within(_SYLLABLES) / max(within(_CHANGES), 1e-12)


def _pitch(frames: F32) -> F64:
    """Return the pitch of each frame, `[n, 1024]`, in semitones; NaN where it has none."""
    power = np.abs(np.fft.rfft(frames * _WINDOW, 2 * _SIZE, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)[:, :_SIZE]
    correlation /= np.maximum(correlation[:, :1], 1e-9) * _CORRELATION
    first = round(RATE / _HIGHEST)
    values = correlation[:, first : round(RATE / _LOWEST)]
    highest = values.max(axis=1)
    inner = values[:, 1:-1]
    peaks = (inner >= values[:, :-2]) & (inner >= values[:, 2:])
    # The first of the peaks that are nearly as high: later ones are multiples of the period.
    peaks &= inner > 0.9 * highest[:, None]
    rows = np.arange(len(values))
    places = peaks.argmax(axis=1) + 1
    before, at, after = (values[rows, places + step] for step in (-1, 0, 1))
    bend = before - 2.0 * at + after
    offset = np.where(bend < 0.0, 0.5 * (before - after) / np.minimum(bend, -1e-9), 0.0)
    pitch = 12.0 * np.log2(RATE / (places + first + offset.clip(-0.5, 0.5)))
    return np.where(peaks.any(axis=1) & (highest > _CLEAR), pitch, np.nan)


def _around(values: F64, index: int, rate: float, *, neighbours: int = _NEIGHBOURS) -> F64:
    """Return the values of a patch and its neighbours."""
    start = max(0, round((index - neighbours) * _PATCH_SECONDS * rate))
    return values[start : round((index + 1 + neighbours) * _PATCH_SECONDS * rate)]


def _runs(marks: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return where each run of marks begins, and where it has ended, `[runs, 2]`."""
    return np.flatnonzero(np.diff(marks, prepend=False, append=False)).reshape(-1, 2)


def _segments(
    kinds: Sequence[frozenset[ContentKind]], kind: ContentKind, *, duration: Seconds
) -> list[ContentSegment]:
    """Join neighbouring patches; the last one lasts until the end of the recording."""
    marks = np.array([kind in patch for patch in kinds], np.bool_)
    return [
        ContentSegment(
            kind=kind,
            start=start * _PATCH_SECONDS,
            end=duration if end == len(kinds) else end * _PATCH_SECONDS,
        )
        for start, end in _runs(marks).tolist()
    ]
