"""Cut a recording into one-shots and loops."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np

from contracts.analysis import Analysis
from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from contracts.slicing import Slice, SliceKind, Slices, SlicingParams, SlicingResult
from kit.arrays import F32, F64
from kit.audio.decode import read_blocks
from kit.audio.encode import AudioForm, Encoder, nearest_rate
from kit.audio.offset import find_offset, without_offset
from kit.audio.probe import probe
from kit.signal.decibels import amplitude_to_db
from kit.worker.intake import Silent, mix_beside, open_input, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.slicing.choosing import choose, describe
from services.slicing.dsp import SlidingBuffer, faded
from services.slicing.engine import Engine, OnsetAnalysis
from services.slicing.loops import downbeat_phase, stretches
from services.slicing.measuring import Measured, measure_loops, measure_one_shots

STEADY, REPEATING = 0.6, 0.06
"""Steadiness of the beat, and confidence of the tempo, from which loops are cut."""
_ACCOMPANIMENT = (
    "These are slices of an accompaniment, which holds every instrument but the voice: a one-shot "
    "may be several instruments at once, and groups and classes mean less. Separate with weights "
    "of four stems (htdemucs) to cut drums by themselves."
)


@reject_unreadable()
def handle(params: SlicingParams, job: Job, engine: Engine) -> SlicingResult:
    """Find onsets, cut one-shots and loops, group what sounds alike, store the best."""
    source, mix, analysis = _inputs(job)
    facts = open_input(source, mix, min_seconds=params.min_length)
    rate, samples = facts.sample_rate, facts.samples
    raw = partial(read_blocks, source.path)
    offset = find_offset(raw(), rate)

    def blocks() -> Iterator[F32]:
        return without_offset(raw(), offset)

    heard = engine.run(
        blocks,
        rate,
        # 0.5 is the detector's own threshold; each 0.1 is a factor of 1.3.
        threshold=0.08 * 4.0 ** (1.0 - 2.0 * params.sensitivity),
        spacing=params.min_spacing,
        progress=lambda part: job.progress(0.4 * part, "listening for onsets"),
    )
    if heard.level <= 0.0:
        raise Silent
    hits = measure_one_shots(
        blocks(),
        heard,
        params,
        sample_rate=rate,
        samples=samples,
        progress=lambda part: job.progress(0.4 + 0.25 * part, "cutting one-shots"),
    )
    grid = _grid(heard, params, analysis)
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
            quietest=heard.level * 10.0 ** (params.gate_db / 20.0),
            progress=lambda part: job.progress(0.65 + 0.15 * part, "cutting loops"),
        )
    shots = describe(hits, params, SliceKind.ONE_SHOT, sample_rate=rate, first=0)
    shots = shots if params.one_shots else []
    loops = describe(bars, params, SliceKind.LOOP, sample_rate=rate, first=len(shots))
    if not shots and not loops:
        raise Skipped(
            "nothing_found",
            "No onset stands out of this audio. Raise `sensitivity`, or lower `gate_db`.",
        )
    stem = source.stem
    chosen = choose([*shots, *loops], params)
    attacks = {piece.index: hit.attack for piece, hit in zip(shots, hits, strict=False)}
    attacks |= {piece.index: piece.start for piece in loops}
    made = _store(job, source, chosen, attacks, params, raw())
    bpm = _bpm(heard, params, analysis) if grid is not None else None
    document = Slices(
        sample_rate=rate,
        samples=samples,
        stem=stem,
        bpm=bpm,
        slices=tuple(made.get(piece.index, piece) for piece in chain(shots, loops)),
    )
    path = job.output("slices.json", ArtifactKind.SLICES, media_type="application/json", stem=stem)
    path.write_text(document.model_dump_json(), encoding="utf-8")
    job.progress(1.0, "done")
    return SlicingResult(
        one_shots=len(shots),
        loops=len(loops),
        groups=len({piece.group for piece in shots}),
        stored=len(made),
        bpm=bpm,
        tempo_confidence=heard.pulse.confidence,
        steady=grid is not None,
        duration=facts.duration,
        remark=_ACCOMPANIMENT if stem is Stem.ACCOMPANIMENT else "",
    )


def _inputs(job: Job) -> tuple[JobInput, JobInput | None, Analysis | None]:
    """Return the recording, the song it is a stem of, and its analysis, where they were given."""
    said = [item for item in job.inputs if item.kind is ArtifactKind.ANALYSIS]
    mix = mix_beside([item for item in job.inputs if item not in said])
    audio = [item for item in job.inputs if item not in said and item is not mix]
    if len(audio) != 1 or len(said) > 1:
        raise Rejected(
            "input",
            "Slicing takes one recording, and at most one analysis of it; "
            f"it was given {len(audio)} and {len(said)}.",
        )
    if not said:
        return audio[0], mix, None
    return audio[0], mix, Analysis.model_validate_json(said[0].path.read_bytes())


def _grid(
    heard: OnsetAnalysis, params: SlicingParams, analysis: Analysis | None
) -> tuple[F64, int, int] | None:
    """Return beats, the index of a first beat of a bar and beats in a bar; `None` if unsteady."""
    if analysis is not None and analysis.tempo is not None and params.bpm is None:
        if analysis.tempo.steadiness < STEADY or analysis.tempo.confidence < REPEATING:
            return None
        beats = np.array([beat.time for beat in analysis.beats])
        firsts = [index for index, beat in enumerate(analysis.beats) if beat.position == 1]
        return beats, firsts[0] if firsts else 0, analysis.tempo.beats_per_bar
    low = heard.novelty.values[:, 0].astype(np.float64)
    if params.bpm is not None:
        period = 60.0 / params.bpm
        onsets = heard.onsets[heard.strengths >= 0.5]
        if not onsets.size:
            return None
        frames = heard.novelty.total
        length = frames.size / heard.novelty.rate
        # With a known tempo only the phase is open: the one that gathers most novelty.
        phases = np.arange(0.0, period, 0.005)
        scores = [
            frames[
                np.round(np.arange(phase, length, period) * heard.novelty.rate)
                .astype(np.int64)
                .clip(0, frames.size - 1)
            ].mean()
            for phase in phases
        ]
        beats = np.arange(float(phases[int(np.argmax(scores))]), length, period)
    else:
        pulse = heard.pulse
        if pulse.steadiness < STEADY or pulse.confidence < REPEATING:
            return None
        beats = pulse.beats
    phase = downbeat_phase(beats, low, heard.novelty.rate, beats_per_bar=params.beats_per_bar)
    return beats, phase, params.beats_per_bar


def _bpm(heard: OnsetAnalysis, params: SlicingParams, analysis: Analysis | None) -> float:
    if params.bpm is not None:
        return params.bpm
    if analysis is not None and analysis.tempo is not None:
        return analysis.tempo.bpm
    return heard.pulse.bpm


def _store(
    job: Job,
    source: JobInput,
    chosen: list[Slice],
    attacks: dict[int, int],
    params: SlicingParams,
    blocks: Iterator[F32],
) -> dict[int, Slice]:
    """Write the chosen slices as files, in one pass, and return them with what was done."""
    facts = probe(source.path)
    rate = facts.sample_rate
    if nearest_rate(AudioForm.FLAC_24, rate) != rate:
        raise Rejected("input", f"FLAC cannot hold {rate} Hz; give the canonical audio.")
    rolling = SlidingBuffer(blocks)
    offset = source.start or 0
    prefix = _prefix(source.stem)
    made: dict[int, Slice] = {}
    for count, piece in enumerate(sorted(chosen, key=lambda piece: (piece.start, piece.end))):
        rolling.forget(piece.start)
        signal = rolling.take(piece.start, piece.end)
        length = piece.end - piece.start
        fade_in = min(
            round(params.fade_in_ms * rate / 1000),
            max(0, attacks[piece.index] - piece.start),
            length // 4,
        )
        fade_out = min(round(params.fade_out_ms * rate / 1000), length // 4)
        if piece.kind is SliceKind.LOOP:
            # A loop goes on at its own beginning: only a click at the seam is taken away.
            fade_out = min(fade_out, rate // 1000)
        # What is stored keeps an offset, and must not be clipped for it.
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
            start=offset + piece.start,
            end=offset + piece.end,
        )
        with Encoder(path, rate, channels=facts.channels) as encoder:
            encoder.write(
                faded(signal, fade_in=fade_in, fade_out=fade_out, gain=10.0 ** (gain_db / 20.0))
            )
        job.describe(name, audio=encoder.facts)
        made[piece.index] = piece.model_copy(
            update={"file": name, "gain_db": gain_db, "fade_in": fade_in, "fade_out": fade_out}
        )
        job.progress(0.8 + 0.2 * (count + 1) / len(chosen), "writing samples")
    return made


def _prefix(stem: Stem | None) -> str:
    return f"{stem.value}-" if stem is not None else ""


def _name(piece: Slice) -> str:
    if piece.kind is SliceKind.LOOP:
        return f"loop-{piece.bars}bar-{piece.index:04d}"
    return f"hit-{piece.index:04d}"


def _title(piece: Slice) -> str:
    if piece.kind is SliceKind.LOOP:
        return f"{piece.bars} bar loop {piece.index}"
    return f"hit {piece.index}"
