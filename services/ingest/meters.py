"""Loudness, peaks, silence and DC offset of canonical audio, measured while it is written."""

from pathlib import Path

from contracts.ingest import Levels, Span
from kit.arrays import AudioBlock
from kit.audio.decode import read_blocks
from kit.audio.offset import find_offset, without_offset
from kit.signal.decibels import amplitude_to_db
from kit.signal.loudness import LoudnessMeter
from services.ingest.dsp import QUIET, OffsetMeter, SilenceMap
from services.ingest.true_peak import TruePeak

_HIDING = 0.5 * QUIET
"""A mean above this may be a DC offset that exceeds the silence threshold."""


class Meters:
    """Measures the canonical audio while it is written."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._loudness = LoudnessMeter(sample_rate, channels)
        self._true_peak = TruePeak(sample_rate, channels)
        self._silence = SilenceMap(sample_rate)
        self._offset = OffsetMeter()

    def add(self, block: AudioBlock) -> None:
        """Take the next block, `[channels, samples]`."""
        for meter in (self._loudness, self._true_peak, self._silence, self._offset):
            meter.add(block)

    def levels(self, clipped: int) -> Levels:
        """Return the levels, after the last block."""
        return Levels(
            integrated_lufs=_rounded(self._loudness.integrated()),
            true_peak_dbtp=_decibels(self._true_peak.peak()),
            sample_peak_dbfs=_decibels(self._true_peak.sample_peak),
            dc_offset=tuple(round(mean, 7) for mean in self._offset.means()),
            clipped_samples=clipped,
        )

    def silence(self, canonical: Path) -> tuple[Span, ...]:
        """Return the silent spans; a DC offset counts as silence."""
        silence_map, rate = self._silence, self._silence.sample_rate
        if any(abs(mean) > _HIDING for mean in self._offset.means()):
            # The offset is only known at the end, so audio with an offset is read a second time.
            offset = find_offset(read_blocks(canonical), rate)
            silence_map = SilenceMap(rate)
            for block in without_offset(read_blocks(canonical), offset):
                silence_map.add(block)
        return tuple(Span(start=start, end=end) for start, end in silence_map.spans())


def _decibels(level: float) -> float | None:
    # Adding zero turns a negative zero into zero.
    return round(amplitude_to_db(level), 4) + 0.0 if level > 0 else None


def _rounded(level: float | None) -> float | None:
    return None if level is None else round(level, 3)
