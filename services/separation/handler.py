"""Separate a track into stems, at any length in constant memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.music import Stem
from contracts.separation import (
    Precision,
    Residual,
    SeparationParams,
    SeparationResult,
    StemResult,
)
from kit.arrays import F32
from kit.audio.decode import read_blocks, resample_stream
from kit.audio.encode import Encoder
from kit.audio.peaks import MEDIA_TYPE, PeaksWriter
from kit.signal.decibels import power_to_db
from kit.worker.intake import Silent, open_input, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected
from services.separation.background_writer import BackgroundWriter
from services.separation.dsp import SILENCE_DBFS, ConfidenceMeter, LevelMeter
from services.separation.engine import Engine, Opened
from services.separation.streaming import separate_stream
from services.separation.writers import (
    FORMS,
    Exact,
    Previews,
    StemFile,
    StreamCutter,
    fit,
    quantise,
)

_SHORTEST = 0.01
"""Minimum length in seconds: shorter audio may have no sample at 44.1 kHz."""
SILENCE = 10 ** (-80 / 20)
"""Audio that never exceeds this is silent."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Facts about the input, measured before separation."""

    path: Path
    rate: int
    channels: int
    samples: int
    scale: float
    """Standard deviation of the mean over channels, by which Demucs normalises."""


@reject_unreadable()
def handle(params: SeparationParams, job: Job, engine: Engine) -> SeparationResult:
    """Separate the job's input into stems.

    Raises
    ------
    kit.worker.outcomes.Rejected
        The weights are not installed, or do not provide the requested stems.
    kit.worker.outcomes.Skipped
        The input is silent, or shorter than 10 ms.
    """
    opened = engine.open(params.weights, params.precision)
    stems = _requested_stems(params, opened)
    source = _examine(job.input)
    overlap = opened.overlap if params.overlap is None else params.overlap
    work = _Work(params, job, opened, source, stems)
    with BackgroundWriter(work.take) as writer:
        for block in _separated_blocks(source, opened, overlap=overlap, shifts=params.shifts):
            writer.give(block)
    results = work.finish()
    return SeparationResult(
        weights=opened.weights.value,
        engine=opened.engine,
        precision=opened.precision,
        precision_note=_note(params.precision, opened.precision),
        device_note=opened.note,
        better=opened.better,
        sample_rate=source.rate,
        samples=source.samples,
        overlap=overlap,
        shifts=params.shifts,
        residual=params.residual,
        residual_level_db=work.residual_level_db,
        stems=results,
    )


def _requested_stems(params: SeparationParams, opened: Opened) -> tuple[Stem, ...]:
    unknown = [s for s in (*params.stems, *params.without) if s not in opened.stems]
    if unknown:
        raise Rejected(
            "stems",
            f"The weights {opened.weights} give {', '.join(opened.stems)}, not "
            f"{', '.join(dict.fromkeys(unknown))}. Request other stems, or other weights.",
        )
    return params.stems or opened.stems


def _note(requested: Precision | None, used: Precision) -> str:
    if requested is None or requested == used:
        return ""
    return f"Precision '{requested}' is no faster on this machine, so the job used '{used}'."


def _examine(source: JobInput) -> _Source:
    """Read the whole input once, and measure its length, peak and level."""
    facts, path = open_input(source, min_seconds=_SHORTEST), source.path
    loudness, count, mean, spread = LevelMeter(), 0, 0.0, 0.0
    for block in read_blocks(path):
        loudness.add(block)
        mono = block.astype(np.float64).mean(axis=0)
        count += mono.size
        mean += float(mono.sum())
        spread += float(np.square(mono).sum())
    if loudness.peak < SILENCE:
        raise Silent
    variance = (spread - mean * mean / count) / max(1, count - 1)
    # Channels of opposite polarity cancel in the mean, and would be scaled up without bound.
    scale = max(float(np.sqrt(max(0.0, variance))), loudness.peak * 1e-3)
    return _Source(path, facts.sample_rate, facts.channels, count, scale)


def _separated_blocks(
    source: _Source, opened: Opened, *, overlap: float, shifts: int
) -> Iterator[F32]:
    """Yield stems at the input's rate, channels and exact length: (stems, channels, samples)."""
    scale = np.float32(source.scale / opened.level)
    separator = opened.separator
    stereo = (_stereo(block) / scale for block in read_blocks(source.path))
    inward = resample_stream(stereo, source.rate, separator.rate)
    separated = separate_stream(inward, separator, overlap=overlap, shifts=shifts)
    flat = (block.reshape(-1, block.shape[-1]) for block in separated)
    outward = resample_stream(flat, separator.rate, source.rate)
    for block in fit(outward, source.samples):
        stems = block.reshape(separator.sources, 2, -1) * scale
        yield stems if source.channels == 2 else stems.mean(axis=1, keepdims=True)


def _stereo(block: F32) -> F32:
    return block if block.shape[0] == 2 else np.repeat(block, 2, axis=0)


class _Work:
    """Turns separated blocks into files, measures and previews."""

    def __init__(
        self,
        params: SeparationParams,
        job: Job,
        opened: Opened,
        source: _Source,
        stems: Sequence[Stem],
    ) -> None:
        self._params = params
        self._job = job
        self._form = FORMS[params.format, params.depth]
        self._stems = opened.stems
        self._source = source
        self._mixture = StreamCutter(read_blocks(source.path))
        self._rest = Stem.OTHER if Stem.OTHER in opened.stems else Stem.ACCOMPANIMENT
        self._confidence = ConfidenceMeter(source.rate)
        self._left, self._whole, self._done = 0.0, 0.0, 0
        self._files = {stem: self._reserve(stem.value, stem) for stem in stems}
        self._mixes = {
            stem: self._reserve(f"without_{stem.value}", Stem.MIX) for stem in params.without
        }
        folder = job.scratch / "previews"
        folder.mkdir(exist_ok=True)
        self._previews = Previews(
            folder, rate=source.rate, channels=source.channels, samples=source.samples
        )

    def _reserve(self, name: str, stem: Stem) -> StemFile:
        source, form = self._source, self._form
        path = self._job.output(
            f"{name}{form.suffix}",
            ArtifactKind.STEM,
            media_type=form.media_type,
            stem=stem,
            item=ItemKind.STEM,
            title=f"{self._job.item.name} – {name.replace('_', ' ')}"[:200],
            start=0,
            end=source.samples,
            audio=AudioFacts(
                duration=source.samples / source.rate,
                sample_rate=source.rate,
                channels=source.channels,
                samples=source.samples,
            ),
        )
        waveform = self._job.output(
            f"{name}-peaks.dat", ArtifactKind.PEAKS, media_type=MEDIA_TYPE, stem=stem
        )
        return StemFile(
            path,
            Encoder(path, source.rate, channels=source.channels, form=form),
            PeaksWriter(waveform, source.rate, channels=source.channels),
        )

    def take(self, stems: F32) -> None:
        """Write the next samples of all stems."""
        mixture = self._mixture.take(stems.shape[-1])
        self._confidence.add(stems, mixture)
        self._left += float(np.square(mixture - stems.sum(axis=0), dtype=np.float64).sum())
        self._whole += float(np.square(mixture, dtype=np.float64).sum())
        exact = self._quantised(stems, mixture)
        for stem, file in self._files.items():
            file.write(exact[stem][0], clipped=exact[stem][1])
        for stem, file in self._mixes.items():
            total = sum((exact[s][0] for s in self._stems if s is not stem), np.zeros(1))
            mixed, clipped = quantise(total, self._form)
            file.write(mixed, clipped=clipped)
        self._done += stems.shape[-1]
        if self._params.previews:
            shown = {stem.value: exact[stem][0] for stem in self._files}
            for path in self._previews.add(shown):
                self._job.preview(path)
        self._job.progress(self._done / self._source.samples, "separating")

    def _quantised(self, stems: F32, mixture: F32) -> dict[Stem, tuple[Exact, int]]:
        """Quantise every stem as in its file, and count the clipped samples."""
        exact = {
            stem: quantise(block, self._form)
            for stem, block in zip(self._stems, stems, strict=True)
        }
        if self._params.residual is Residual.OTHER:
            others = sum((exact[s][0] for s in self._stems if s is not self._rest), np.zeros(1))
            exact[self._rest] = quantise(mixture.astype(np.float64) - others, self._form)
        return exact

    @property
    def residual_level_db(self) -> float:
        """Energy of the residual relative to the input, in dB."""
        share = self._left / self._whole if self._whole else 0.0
        return float(power_to_db(share, floor=SILENCE_DBFS))

    def finish(self) -> tuple[StemResult, ...]:
        """Close the files and return their results."""
        self._confidence.finish()
        overall = self._confidence.overall()
        seconds = np.array(self._confidence.seconds)
        results = []
        for files in (self._files, self._mixes):
            for stem, file in files.items():
                file.close()
                self._job.describe(file.path.name, waveform=file.waveform.encoded())
                index = self._stems.index(stem)
                results.append(
                    StemResult(
                        stem=stem if files is self._files else Stem.MIX,
                        name=file.path.name,
                        level_dbfs=round(file.loudness.level_dbfs, 2),
                        peak_dbfs=round(file.loudness.peak_dbfs, 2),
                        clipped=file.clipped,
                        confidence=round(float(overall[index]), 3),
                        seconds=tuple(round(float(x), 2) for x in seconds[:, index]),
                    )
                )
        return tuple(results)
