"""Mix tracks to stereo: gains, pan, fades, a count-in and a click."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from kit.arrays import F32, F64, AudioBlock, Mono
from kit.signal.loudness import LoudnessMeter
from kit.signal.tempo_grid import TICKS_PER_BEAT, Grid
from services.export.bundle import StemTrack
from services.export.engine import Engine

BLOCK = 1 << 16
CHANNELS = 2
_CLICK_SECONDS = 0.03
_CLICK_HZ, _DOWNBEAT_HZ = 1000.0, 1500.0
_CLICK_DECAY = 0.006
"""Time constant of a click in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackLevel:
    """How a track is mixed."""

    gain_db: float = 0.0
    pan: float = 0.0
    """-1 (left) to 1 (right): a balance, which lowers the other channel."""

    @property
    def gains(self) -> F32:
        """The factor of each channel, `[2, 1]`."""
        gain = 10 ** (self.gain_db / 20)
        balance = [min(1.0, 1.0 - self.pan), min(1.0, 1.0 + self.pan)]
        return np.array(balance, np.float32)[:, None] * np.float32(gain)


@dataclass(frozen=True, slots=True)
class Mix:
    """A sum of tracks in stereo.

    Parameters
    ----------
    engine
        Reads the tracks.
    tracks
        Those with audio, in the order in which they are added.
    sample_rate
        In Hz.
    samples
        Length of the mix.
    levels
        By the name of a track; others are added as they are.
    lead
        Samples of silence before the tracks begin.
    fade_in, fade_out
        Samples at the beginning and at the end of the tracks, faded linearly.
    clicks
        Samples of the mix at which a click begins, and whether it is a downbeat's.
    click_gain_db
        Peak of a click in dBFS.
    """

    engine: Engine
    tracks: Sequence[StemTrack]
    sample_rate: int
    samples: int
    levels: Mapping[str, TrackLevel] = field(default_factory=dict)
    lead: int = 0
    fade_in: int = 0
    fade_out: int = 0
    clicks: Sequence[tuple[int, bool]] = ()
    click_gain_db: float = -12.0

    def blocks(self) -> Iterator[AudioBlock]:
        """Yield the mix, `[2, samples]`, in single precision; it may exceed full scale.

        Without levels, fades and clicks this is the sum of the tracks in their order.
        """
        length = self.samples - self.lead
        streams = [equal_blocks(self._track(track, length), length) for track in self.tracks]
        position = 0
        while position < self.lead:
            size = min(BLOCK, self.lead - position)
            yield self._with_clicks(np.zeros((CHANNELS, size), np.float32), position)
            position += size
        for parts in zip(*streams, strict=True):
            total: AudioBlock = parts[0]
            for part in parts[1:]:
                total = total + part
            total = self._faded(total, position - self.lead, length)
            yield self._with_clicks(total, position)
            position += total.shape[1]

    def _track(self, track: StemTrack, length: int) -> Iterator[AudioBlock]:
        assert track.path is not None
        level = self.levels.get(track.name)
        for block in self.engine.run(
            track.path, sample_rate=self.sample_rate, channels=CHANNELS, samples=length
        ):
            yield block if level is None else block * level.gains

    def _faded(self, block: AudioBlock, start: int, length: int) -> AudioBlock:
        stop = start + block.shape[1]
        if start >= self.fade_in and stop <= length - self.fade_out:
            return block
        at = np.arange(start, stop, dtype=np.float64)
        gain: F64 = np.ones(len(at))
        if self.fade_in:
            gain = np.minimum(gain, at / self.fade_in)
        if self.fade_out:
            gain = np.minimum(gain, (length - 1 - at) / self.fade_out)
        faded: AudioBlock = block * np.clip(gain, 0.0, 1.0).astype(np.float32)
        return faded

    def _with_clicks(self, block: AudioBlock, start: int) -> AudioBlock:
        stop = start + block.shape[1]
        for at, downbeat in self.clicks:
            wave = click(self.sample_rate, downbeat=downbeat)
            if at + len(wave) <= start or at >= stop:
                continue
            first, last = max(at, start), min(at + len(wave), stop)
            gain = np.float32(10 ** (self.click_gain_db / 20))
            block = block.copy()
            block[:, first - start : last - start] += gain * wave[first - at : last - at]
        return block


@lru_cache(maxsize=8)
def click(sample_rate: int, *, downbeat: bool) -> Mono:
    """Return a click: a decaying sine of 30 ms, higher for a downbeat, with a peak near 1."""
    time = np.arange(round(_CLICK_SECONDS * sample_rate)) / sample_rate
    frequency = _DOWNBEAT_HZ if downbeat else _CLICK_HZ
    wave = np.sin(2 * np.pi * frequency * time) * np.exp(-time / _CLICK_DECAY)
    sound: Mono = (wave / np.abs(wave).max()).astype(np.float32)
    return sound


def click_positions(
    grid: Grid, *, duration: float, count_in_bars: int, through: bool, sample_rate: int
) -> tuple[int, list[tuple[int, bool]]]:
    """Return the length of a count-in in samples, and each click of it and of the song.

    Parameters
    ----------
    duration
        Of the song in seconds.
    count_in_bars
        Bars before the song, at the tempo of its first bar.
    through
        Whether clicks continue through the song.
    """
    pickup = float(grid.pickup)
    own = grid.changes[1 if grid.lead_in and len(grid.changes) > 1 else 0]
    beat = own.beat / 1e6
    count = count_in_bars * grid.beats_per_bar
    lead = round(count * beat * sample_rate)
    clicks = [
        (round(number * beat * sample_rate), number % grid.beats_per_bar == 0)
        for number in range(count)
    ]
    number = 0
    while through:
        seconds = grid.seconds((pickup + number) * TICKS_PER_BEAT)
        if seconds >= duration:
            break
        clicks.append((lead + round(seconds * sample_rate), number % grid.beats_per_bar == 0))
        number += 1
    return lead, clicks


def measure_loudness(engine: Engine, track: StemTrack, *, sample_rate: int) -> float | None:
    """Return the integrated loudness of a track in LUFS; `None` if it is silent or too short."""
    assert track.path is not None
    assert track.audio is not None
    meter = LoudnessMeter(sample_rate, CHANNELS)
    samples = round(track.audio.duration * sample_rate)
    for block in engine.run(
        track.path, sample_rate=sample_rate, channels=CHANNELS, samples=samples
    ):
        meter.add(block)
    return meter.integrated()


def equal_blocks(
    blocks: Iterator[AudioBlock], samples: int, *, block: int = BLOCK
) -> Iterator[AudioBlock]:
    """Yield a stream of some length again in blocks of one length; only the last is shorter."""
    held: list[AudioBlock] = []
    have, left = 0, samples
    while left:
        size = min(block, left)
        while have < size:
            part = next(blocks)
            held.append(part)
            have += part.shape[1]
        joined = np.concatenate(held, axis=1) if len(held) > 1 else held[0]
        yield joined[:, :size]
        held, have = [joined[:, size:]], have - size
        left -= size
