"""Cut a recording into one-shots and loops."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from types import MappingProxyType

import numpy as np

from contracts.analysis import Analysis
from contracts.cuts import Cut
from contracts.ids import ItemId
from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from contracts.slicing import (
    MACHINE_SLICES,
    USER_SLICES,
    Slice,
    SliceKind,
    Slices,
    SlicingParams,
    SlicingResult,
)
from kit.arrays import F32, F64
from kit.audio.decode import read_blocks
from kit.audio.encode import AudioForm, Encoder, nearest_rate
from kit.audio.offset import find_offset, without_offset
from kit.audio.probe import probe
from kit.audio.waveform import waveform_of
from kit.signal.decibels import amplitude_to_db
from kit.worker.intake import Silent, find_mix, open_input, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.slicing.choosing import choose, describe
from services.slicing.dsp import SlidingBuffer, faded, seamless
from services.slicing.engine import Engine, OnsetAnalysis
from services.slicing.loops import downbeat_phase, stretches
from services.slicing.measuring import Measured, measure_loops, measure_one_shots
from services.slicing.user_cuts import measure_user_cuts

STEADY, REPEATING = 0.6, 0.06
"""Minimum steadiness of the beat, and confidence of the tempo, to cut loops."""
_ACCOMPANIMENT = (
    "The slices come from an accompaniment stem, which contains every instrument except the voice: "
    "a one-shot may contain several instruments, so groups and classes are less reliable. To slice "
    "the drums alone, separate with four-stem weights (htdemucs)."
)
_BY_USER = (
    "These are your cuts; nothing was detected. To detect again, delete the correction of the cuts "
    "and run slicing again."
)


@reject_unreadable()
def handle(params: SlicingParams, job: Job, engine: Engine) -> SlicingResult:
    """Detect onsets, cut one-shots and loops, group similar ones and store the best.

    The cuts of a user, if there are any, take the place of detection.
    """
    source, mix, analysis = _inputs(job)
    if job.cuts is not None:
        return _render(job.cuts, source, params, job)
    facts = open_input(source, mix, min_seconds=params.min_length)
    rate, samples = facts.sample_rate, facts.samples
    raw = partial(read_blocks, source.path)
    offset = find_offset(raw(), rate)

    def blocks() -> Iterator[F32]:
        return without_offset(raw(), offset)

    detected = engine.run(
        blocks,
        rate,
        # A sensitivity of 0.5 is the detector's default threshold; each 0.1 is a factor of 1.3.
        threshold=0.08 * 4.0 ** (1.0 - 2.0 * params.sensitivity),
        spacing=params.min_spacing,
        progress=lambda part: job.progress(0.4 * part, "detecting onsets"),
    )
    if detected.level <= 0.0:
        raise Silent
    hits = measure_one_shots(
        blocks(),
        detected,
        params,
        sample_rate=rate,
        samples=samples,
        progress=lambda part: job.progress(0.4 + 0.25 * part, "cutting one-shots"),
    )
    grid = _grid(detected, params, analysis)
    bars: list[Measured] = []
    if params.loops and grid is not None:
        beats, phase, beats_per_bar = grid
        bars = measure_loops(
            blocks(),
            stretches(beats, phase=phase, beats_per_bar=beats_per_bar, bars=params.bars),
            beats,
            hits,
            sample_rate=rate,
            samples=samples,
            quietest=detected.level * 10.0 ** (params.gate_db / 20.0),
            progress=lambda part: job.progress(0.65 + 0.15 * part, "cutting loops"),
        )
    shots = describe(hits, params, SliceKind.ONE_SHOT, sample_rate=rate, first=0)
    shots = shots if params.one_shots else []
    loops = describe(bars, params, SliceKind.LOOP, sample_rate=rate, first=len(shots))
    if not shots and not loops:
        raise Skipped(
            "nothing_found",
            "No onsets were detected in this audio. Raise `sensitivity` or lower `gate_db`.",
        )
    stem = source.stem
    chosen = choose([*shots, *loops], params)
    attacks = {piece.index: hit.attack for piece, hit in zip(shots, hits, strict=False)}
    attacks |= {piece.index: piece.start for piece in loops}
    stored = _store(job, source, chosen, attacks, params, raw(), first_part=0.8)
    bpm = _bpm(detected, params, analysis) if grid is not None else None
    document = Slices(
        sample_rate=rate,
        samples=samples,
        stem=stem,
        bpm=bpm,
        slices=tuple(stored.get(piece.index, piece) for piece in chain(shots, loops)),
    )
    _write_document(job, MACHINE_SLICES, document)
    return SlicingResult(
        one_shots=len(shots),
        loops=len(loops),
        groups=len({piece.group for piece in shots}),
        stored=len(stored),
        bpm=bpm,
        tempo_confidence=detected.beat_track.confidence,
        steady=grid is not None,
        duration=facts.duration,
        remark=_ACCOMPANIMENT if stem is Stem.ACCOMPANIMENT else "",
    )


def _render(
    cuts: tuple[Cut, ...], source: JobInput, params: SlicingParams, job: Job
) -> SlicingResult:
    """Write the samples of a user's cuts; those that had one before get it with its new audio."""
    facts = probe(source.path)
    rate, samples = facts.sample_rate, facts.samples
    raw = partial(read_blocks, source.path)
    measured = measure_user_cuts(
        without_offset(raw(), find_offset(raw(), rate)),
        cuts,
        params,
        sample_rate=rate,
        samples=samples,
        progress=lambda part: job.progress(0.5 * part, "measuring cuts"),
    )
    chosen = [piece for piece, cut in zip(measured.slices, cuts, strict=True) if cut.stored]
    replaces = {cut.number: cut.sample for cut in cuts if cut.sample is not None}
    stored = _store(
        job, source, chosen, measured.attacks, params, raw(), first_part=0.5, replaces=replaces
    )
    slices = tuple(stored.get(piece.index, piece) for piece in measured.slices)
    shots = [piece for piece in slices if piece.kind is SliceKind.ONE_SHOT]
    bpm = next((piece.bpm for piece in slices if piece.bpm is not None), None)
    _write_document(
        job,
        USER_SLICES,
        Slices(sample_rate=rate, samples=samples, stem=source.stem, bpm=bpm, slices=slices),
    )
    return SlicingResult(
        one_shots=len(shots),
        loops=len(slices) - len(shots),
        groups=len({piece.group for piece in shots}),
        stored=len(stored),
        bpm=bpm,
        duration=facts.duration,
        remark=_BY_USER,
        by_user=True,
    )


def _write_document(job: Job, name: str, document: Slices) -> None:
    path = job.output(name, ArtifactKind.SLICES, media_type="application/json", stem=document.stem)
    path.write_text(document.model_dump_json(), encoding="utf-8")
    job.progress(1.0, "done")


def _inputs(job: Job) -> tuple[JobInput, JobInput | None, Analysis | None]:
    """Return the recording, the song it is a stem of, and its analysis, if they are inputs."""
    analyses = [item for item in job.inputs if item.kind is ArtifactKind.ANALYSIS]
    mix = find_mix([item for item in job.inputs if item not in analyses])
    audio = [item for item in job.inputs if item not in analyses and item is not mix]
    if len(audio) != 1 or len(analyses) > 1:
        raise Rejected(
            "input",
            "Slicing needs exactly one recording and accepts at most one analysis; this job has "
            f"{len(audio)} recordings and {len(analyses)} analyses. Submit one recording.",
        )
    if not analyses:
        return audio[0], mix, None
    return audio[0], mix, Analysis.model_validate_json(analyses[0].path.read_bytes())


def _grid(
    detected: OnsetAnalysis, params: SlicingParams, analysis: Analysis | None
) -> tuple[F64, int, int] | None:
    """Return beats, the index of a downbeat and the beats per bar; `None` if unsteady."""
    if analysis is not None and analysis.tempo is not None and params.bpm is None:
        if analysis.tempo.steadiness < STEADY or analysis.tempo.confidence < REPEATING:
            return None
        beats = np.array([beat.time for beat in analysis.beats])
        firsts = [index for index, beat in enumerate(analysis.beats) if beat.position == 1]
        return beats, firsts[0] if firsts else 0, analysis.tempo.beats_per_bar
    low = detected.onset_strength.values[:, 0].astype(np.float64)
    if params.bpm is not None:
        period = 60.0 / params.bpm
        onsets = detected.onsets[detected.strengths >= 0.5]
        if not onsets.size:
            return None
        frames = detected.onset_strength.total
        length = frames.size / detected.onset_strength.rate
        # With a known tempo only the phase is open: the one that gathers most novelty.
        phases = np.arange(0.0, period, 0.005)
        scores = [
            frames[
                np.round(np.arange(phase, length, period) * detected.onset_strength.rate)
                .astype(np.int64)
                .clip(0, frames.size - 1)
            ].mean()
            for phase in phases
        ]
        beats = np.arange(float(phases[int(np.argmax(scores))]), length, period)
    else:
        track = detected.beat_track
        if track.steadiness < STEADY or track.confidence < REPEATING:
            return None
        beats = track.beats
    phase = downbeat_phase(
        beats, low, detected.onset_strength.rate, beats_per_bar=params.beats_per_bar
    )
    return beats, phase, params.beats_per_bar


def _bpm(detected: OnsetAnalysis, params: SlicingParams, analysis: Analysis | None) -> float:
    if params.bpm is not None:
        return params.bpm
    if analysis is not None and analysis.tempo is not None:
        return analysis.tempo.bpm
    return detected.beat_track.bpm


def _store(
    job: Job,
    source: JobInput,
    chosen: list[Slice],
    attacks: dict[int, int],
    params: SlicingParams,
    blocks: Iterator[F32],
    *,
    first_part: float,
    replaces: Mapping[int, ItemId] = MappingProxyType({}),
) -> dict[int, Slice]:
    """Write the chosen slices as files in one pass; return them with file, gain and fades.

    Parameters
    ----------
    attacks
        By index, up to where a fade-in may reach, in samples of the recording.
    first_part
        Share of the job that is done before.
    replaces
        By index, the items that get the files as their audio.
    """
    facts = probe(source.path)
    rate = facts.sample_rate
    if nearest_rate(AudioForm.FLAC_24, rate) != rate:
        raise Rejected(
            "input", f"FLAC cannot store audio at {rate} Hz. Submit the canonical audio instead."
        )
    buffer = SlidingBuffer(blocks)
    offset = source.start or 0
    prefix = _prefix(source.stem)
    longest_fade = round(params.fade_out_ms * rate / 1000)
    stored: dict[int, Slice] = {}
    for count, piece in enumerate(sorted(chosen, key=lambda piece: (piece.start, piece.end))):
        length = piece.end - piece.start
        fade_in = min(
            round(params.fade_in_ms * rate / 1000),
            max(0, attacks[piece.index] - piece.start),
            length // 4,
        )
        fade_out = min(longest_fade, length // 4)
        is_loop = piece.kind is SliceKind.LOOP
        # A loop's end fades into what precedes its beginning, where it goes on.
        head = fade_out if is_loop and fade_out <= piece.start else 0
        buffer.forget(piece.start - longest_fade)
        local = buffer.take(piece.start - head, piece.end)
        signal = local[:, head:]
        if head:
            signal = seamless(signal, local[:, :head])
        elif is_loop:
            # At the beginning of the recording nothing precedes it: the fade only removes a click.
            fade_out = min(fade_out, rate // 1000)
        # Stored audio keeps its DC offset, so the peak includes it to avoid clipping.
        peak = amplitude_to_db(float(np.abs(signal).max()))
        gain_db = params.peak_dbfs - peak if params.normalise else 0.0
        name = f"{prefix}{_name(piece)}.flac"
        path = job.output(
            name,
            ArtifactKind.SAMPLE if piece.kind is SliceKind.ONE_SHOT else ArtifactKind.LOOP,
            media_type="audio/flac",
            stem=source.stem,
            item=ItemKind.SAMPLE,
            title=f"{job.item.name[:150]} – {prefix.replace('-', ' ')}{_title(piece)}",
            bpm=piece.bpm,
            start=offset + piece.start,
            end=offset + piece.end,
            replaces=replaces.get(piece.index),
        )
        gain = 10.0 ** (gain_db / 20.0)
        cut = faded(signal, fade_in=fade_in, fade_out=0 if head else fade_out, gain=gain)
        with Encoder(path, rate, channels=facts.channels) as encoder:
            encoder.write(cut)
        job.describe(name, audio=encoder.facts, waveform=waveform_of(cut))
        stored[piece.index] = piece.model_copy(
            update={"file": name, "gain_db": gain_db, "fade_in": fade_in, "fade_out": fade_out}
        )
        done = (count + 1) / len(chosen)
        job.progress(first_part + (1.0 - first_part) * done, "writing samples")
    return stored


def _prefix(stem: Stem | None) -> str:
    return f"{stem.value}-" if stem is not None else ""


def _name(piece: Slice) -> str:
    if piece.kind is SliceKind.LOOP:
        bars = f"{piece.bars}bar-" if piece.bars is not None else ""
        return f"loop-{bars}{piece.index:04d}"
    return f"hit-{piece.index:04d}"


def _title(piece: Slice) -> str:
    if piece.kind is SliceKind.LOOP:
        bars = f"{piece.bars} bar " if piece.bars is not None else ""
        return f"{bars}loop {piece.index}"
    return f"hit {piece.index}"
