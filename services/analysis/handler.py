"""Estimate tempo, key, chords and sections of a recording, and draw images of it."""

from math import ceil, floor

import numpy as np

from contracts.analysis import (
    Analysis,
    AnalysisImage,
    AnalysisParams,
    AnalysisResult,
    Beat,
    ImageKind,
    Section,
    TempoCandidate,
    TempoChange,
    TempoEstimate,
    TempoPoint,
)
from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from kit.arrays import F64
from kit.signal.beats import Length
from kit.signal.decibels import power_to_db
from kit.signal.tempo_curve import tempo_curve
from kit.worker.intake import Silent, reject_unreadable
from kit.worker.job import Job
from kit.worker.outcomes import Rejected
from services.analysis import chords, images, meter, sections
from services.analysis.beat_network import Activations
from services.analysis.chroma import Chroma, between
from services.analysis.engine import Engine, Rhythm
from services.analysis.harmony import estimate_key, find_chords
from services.analysis.sources import Sources, choose, summed
from services.analysis.writers import write_png

REPEATING = 0.05
"""Minimum confidence of the tempo to align chords and sections to beats."""
_CLEAR = 0.1
"""Minimum confidence of the tempo to use the drum stem alone."""
_FEWEST_BEATS = 4
_LONGEST_LOOP = 30.0
"""Maximum seconds of a recording that may be a loop though its item is no sample."""
_QUIETEST_DB = -80.0
"""The lowest level of a band in `Chroma.bands`."""
_GRID = 0.5
"""Seconds of a span without beats."""


@reject_unreadable()
def handle(params: AnalysisParams, job: Job, engine: Engine) -> AnalysisResult:
    """Analyse a recording, its stems, or both together."""
    sources = choose(job.inputs)
    duration, rate = sources.facts.duration, sources.facts.sample_rate
    job.progress(0.0, "tracking beats")
    sample = job.item.kind is ItemKind.SAMPLE
    length = Length(duration, is_sample=sample) if sample or duration <= _LONGEST_LOOP else None
    # The networks learned from whole songs.
    activations = engine.run_networks(sources.whole, rate)
    job.progress(0.2, "tracking beats")
    rhythm, stem = (
        engine.run_rhythm(sources.rhythm, rate, activations, length=length),
        sources.rhythm_stem,
    )
    if stem is not None and rhythm.beat_track.confidence < _CLEAR:
        # Sparse drums are poor evidence of the tempo.
        whole = engine.run_rhythm(sources.whole, rate, activations, length=length)
        if rhythm.level <= 0.0 or whole.beat_track.confidence > rhythm.beat_track.confidence:
            rhythm, stem = whole, None
    if rhythm.level <= 0.0:
        raise Silent
    job.progress(0.4, "computing chroma")
    # Bars need it too, because harmony tends to change on downbeats.
    harmony = engine.run_harmony(sources.harmony, rate)
    learned = None
    if params.chords:
        job.progress(0.6, "running the network of chords")
        learned = engine.run_chords(sources.harmony, rate)
    job.progress(0.75, "estimating bars, chords and sections")
    beats = rhythm.beat_track.beats
    beats = beats[(beats >= 0.0) & (beats < duration)]
    bars = _bars(params, job, rhythm, activations, harmony, beats, duration)
    repeats = rhythm.beat_track.confidence >= REPEATING and beats.size >= _FEWEST_BEATS
    edges = _edges(beats if repeats else np.arange(_GRID, duration, _GRID), duration)
    drawn = _draw(params, job, sources)
    document = Analysis(
        duration=duration,
        tempo=_tempo(rhythm, bars, stem) if params.tempo else None,
        beats=_beats(beats, bars) if params.tempo else (),
        key=estimate_key(harmony, edges, sources.harmony_stems) if params.key else None,
        chords=()
        if learned is None
        else find_chords(harmony, learned, chords.spans(edges, beats=repeats)),
        sections=_sections(harmony, edges) if params.sections else (),
        images=drawn,
    )
    path = job.output("analysis.json", ArtifactKind.ANALYSIS, media_type="application/json")
    path.write_text(document.model_dump_json(), encoding="utf-8")
    job.progress(1.0, "done")
    return AnalysisResult(
        duration=duration,
        tempo=document.tempo and document.tempo.model_copy(update={"curve": ()}),
        beats=len(document.beats),
        key=document.key,
        chords=len(document.chords),
        sections=document.sections,
        images=document.images,
    )


def _bars(
    params: AnalysisParams,
    job: Job,
    rhythm: Rhythm,
    activations: Activations,
    chroma_frames: Chroma,
    beats: F64,
    duration: float,
) -> meter.BarGrid:
    loop = rhythm.beat_track.loop
    known = params.beats_per_bar
    # A short loop repeats too little to tell two beats from four; the search for its length weighed
    # what is usual.
    if known is None and loop is not None and job.item.kind is ItemKind.SAMPLE:
        known = loop.beats_per_bar
    if beats.size < 2 or not chroma_frames.treble.size:
        return meter.BarGrid(known or 4, 0, 0.0)
    values, rate = rhythm.onset_strength.values, rhythm.onset_strength.rate
    harmony = between(chroma_frames.treble, chroma_frames.rate, np.append(beats, duration))
    accents = meter.Accents(
        low=meter.peak_near(beats, values[:, 0].astype(np.float64), rate),
        high=meter.peak_near(beats, values[:, 2:].sum(axis=1, dtype=np.float64), rate),
        change=meter.harmonic_change(harmony),
        downbeat=meter.downbeat_odds(beats, activations),
    )
    repetition = meter.find_repetition(beats, values, rate, harmony)
    return meter.find_bars(
        accents,
        repetition,
        beats_per_bar=known,
        beats_in_all=None if loop is None else loop.beats,
    )


def _edges(inner: F64, duration: float) -> F64:
    """Return the edges of the spans for chords and sections, in seconds."""
    margin = 0.05
    inner = inner[(inner > margin) & (inner < duration - margin)]
    return np.concatenate([[0.0], inner, [duration]])


def _tempo(rhythm: Rhythm, bars: meter.BarGrid, stem: Stem | None) -> TempoEstimate | None:
    track = rhythm.beat_track
    if not track.candidates:
        return None
    return TempoEstimate(
        bpm=track.bpm,
        confidence=track.confidence,
        steadiness=track.steadiness,
        changes=tuple(
            TempoChange(start=max(0.0, float(track.beats[stretch.first])), bpm=stretch.bpm)
            for stretch in track.stretches
            if len(track.stretches) > 1
        ),
        curve=tuple(
            TempoPoint(time=max(0.0, point.time), bpm=point.bpm)
            for point in tempo_curve(track.beats, track.stretches)
        ),
        candidates=tuple(
            TempoCandidate(bpm=candidate.bpm, weight=min(1.0, candidate.weight))
            for candidate in track.candidates
        ),
        beats_per_bar=bars.beats_per_bar,
        downbeat_confidence=bars.confidence,
        source=stem,
    )


def _beats(beats: F64, bars: meter.BarGrid) -> tuple[Beat, ...]:
    return tuple(
        Beat(time=float(time), position=position)
        for time, position in zip(beats, bars.positions(beats.size), strict=True)
    )


def _sections(harmony: Chroma, edges: F64) -> tuple[Section, ...]:
    if not harmony.treble.size:
        return ()
    bands = between(harmony.bands, harmony.rate, edges)
    features = sections.describe(between(harmony.treble, harmony.rate, edges), bands)
    parts = sections.find_parts(features, edges)
    levels = power_to_db(np.mean(10.0 ** (bands / 10.0), axis=1), floor=_QUIETEST_DB)
    return tuple(
        Section(
            start=float(edges[part.first]),
            end=float(edges[part.last]),
            label=sections.letter(part.group),
            role=role,
            confidence=float(np.clip(part.confidence, 0.0, 1.0)),
        )
        for part, role in zip(parts, sections.roles(parts, levels), strict=True)
    )


def _draw(params: AnalysisParams, job: Job, sources: Sources) -> tuple[AnalysisImage, ...]:
    rate, samples = sources.facts.sample_rate, sources.facts.samples
    drawn: list[AnalysisImage] = []
    for index, spec in enumerate(params.images):
        end = sources.facts.duration if spec.end is None else min(spec.end, sources.facts.duration)
        first, last = floor(spec.start * rate), min(samples, ceil(end * rate))
        if first >= last:
            raise Rejected(
                "input",
                f"The {spec.kind.value} image starts at {spec.start:g} s, but the audio lasts only "
                f"{sources.facts.duration:.2f} s. Choose an earlier `start`.",
            )
        blocks = summed(sources.whole_files, start=first, stop=last)
        if spec.kind is ImageKind.WAVEFORM:
            picture = images.waveform(blocks, last - first, width=spec.width, height=spec.height)
        else:
            picture = images.mel_spectrogram(
                blocks, last - first, rate, width=spec.width, height=spec.height
            )
        name = f"{spec.kind.value}-{index}.png"
        write_png(job.output(name, ArtifactKind.IMAGE, media_type="image/png"), picture)
        drawn.append(
            AnalysisImage(
                file=name,
                kind=spec.kind,
                start=first / rate,
                end=last / rate,
                width=spec.width,
                height=spec.height,
            )
        )
        job.progress(0.85 + 0.14 * (index + 1) / len(params.images), "drawing")
    return tuple(drawn)
