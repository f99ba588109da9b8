"""A stereo mix of the stems of a song, or of the items of a collection."""

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from contracts.export import MixdownOptions
from contracts.music import Stem
from kit.worker.outcomes import Rejected
from services.export.bundle import Song, StemTrack
from services.export.context import ExportContext
from services.export.formats.wav import info_chunks
from services.export.mixing import (
    CHANNELS,
    Mix,
    TrackLevel,
    click_positions,
    measure_loudness,
)
from services.export.names import legal_name
from services.export.presets.stems import length_of
from services.export.reading import FileNaming, read_song

_MAX_CORRECTION_DB = 12.0
_CENTRED = (Stem.VOCALS, Stem.BASS, Stem.DRUMS)
"""Stems that stay in the middle when others are spread."""


def write_mixdown(context: ExportContext) -> None:
    """Write the mix as one WAV file of 24 bits.

    Without options it is the sum of the stored stems, sample by sample.

    Raises
    ------
    Rejected
        Every track is muted.
    Silent
        The mix is silent.
    """
    options = context.params.mixdown
    song = read_song(context.params, context.job)
    tracks = [
        track
        for track in song.tracks
        if track.path is not None and track.stem not in options.without
    ]
    if not tracks:
        raise Rejected("input", "`without` leaves no track to mix. Name fewer stems.")
    rate = song.audio.sample_rate
    length = max([song.audio.samples, *(length_of(track, rate) for track in tracks)])
    lead, clicks = click_positions(
        song.grid,
        duration=length / rate,
        count_in_bars=options.count_in_bars,
        through=options.click,
        sample_rate=rate,
    )
    if clicks and not song.tempo_known:
        context.remark_unknown_tempo("the clicks are at 120 BPM")
    mix = Mix(
        context.engine,
        tracks,
        sample_rate=rate,
        samples=lead + length,
        levels=_levels(context, options, tracks, sample_rate=rate),
        lead=lead,
        fade_in=min(length, round(options.fade_in * rate)),
        fade_out=min(length, round(options.fade_out * rate)),
        clicks=clicks,
    )
    gain = _normalising_gain(mix, options, context)
    context.expect(mix.samples)
    context.remark_mixed_rates(tracks, rate)
    context.write_wav(
        f"{_name(context, song)}.wav",
        (block if gain is None else block * np.float32(gain) for block in mix.blocks()),
        sample_rate=rate,
        channels=CHANNELS,
        samples=mix.samples,
        chunks=info_chunks({"title": f"{song.name} (mix)", "artist": song.artist}),
        sources=[track.source for track in tracks if track.source is not None],
    )
    context.require_sound()
    if context.clipped:
        context.remarks.append(
            f"{context.clipped} samples of the mix exceeded full scale and were clipped. Set "
            "`peak_dbfs` to scale it."
        )


def _levels(
    context: ExportContext,
    options: MixdownOptions,
    tracks: Sequence[StemTrack],
    *,
    sample_rate: int,
) -> dict[str, TrackLevel]:
    """Return the level of each track that is not mixed as it is."""
    gains: dict[str, float] = {}
    if options.match_loudness:
        measured = {
            track.name: measure_loudness(context.engine, track, sample_rate=sample_rate)
            for track in tracks
        }
        known = [value for value in measured.values() if value is not None]
        target = median(known) if known else 0.0
        for name, value in measured.items():
            if value is not None:
                correction = max(-_MAX_CORRECTION_DB, min(_MAX_CORRECTION_DB, target - value))
                gains[name] = round(correction, 2)
        context.remarks.append(
            "Levels were matched to the median loudness: "
            + ", ".join(f"{name} {gain:+.1f} dB" for name, gain in gains.items())[:300]
        )
    pans = _pans(tracks, options.spread)
    return {
        track.name: TrackLevel(gain_db=gains.get(track.name, 0.0), pan=pans.get(track.name, 0.0))
        for track in tracks
        if track.name in gains or track.name in pans
    }


def _pans(tracks: Sequence[StemTrack], spread: float) -> dict[str, float]:
    """Return pans that alternate between left and right, further out with each pair."""
    if not spread:
        return {}
    moved = [track for track in tracks if track.stem not in _CENTRED]
    pairs = math.ceil(len(moved) / 2)
    return {
        track.name: spread * (-1) ** (number + 1) * (number // 2 + 1) / pairs
        for number, track in enumerate(moved)
    }


def _normalising_gain(mix: Mix, options: MixdownOptions, context: ExportContext) -> float | None:
    """Return the factor that brings the peak of a mix to the requested level, if one is."""
    if options.peak_dbfs is None:
        return None
    peak = max((float(np.abs(block).max(initial=0.0)) for block in mix.blocks()), default=0.0)
    if not peak:
        return None
    gain = 10 ** (options.peak_dbfs / 20) / peak
    context.remarks.append(
        f"The mix was scaled by {20 * math.log10(gain):+.2f} dB to a peak of "
        f"{options.peak_dbfs:g} dBFS."
    )
    return gain


def _name(context: ExportContext, song: Song) -> str:
    bpm = song.grid.tempo if song.tempo_known else None
    naming = FileNaming.of(context.params)
    text = naming.text(song.name, sound="mix", bpm=bpm, key=song.key)
    return legal_name(text, max_characters=90)
