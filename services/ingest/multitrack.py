"""Sum the parts of a multitrack to its stems, and the stems to its mix."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import numpy as np

from contracts.ingest import (
    CANONICAL,
    PEAKS,
    IngestParams,
    IngestResult,
    RejectionReason,
    Remark,
    SourceFormat,
)
from contracts.items import ArtifactKind, AudioFacts, ItemKind
from contracts.music import Stem
from kit.arrays import F32
from kit.audio.decode import read_blocks
from kit.audio.encode import Encoder
from kit.audio.peaks import MEDIA_TYPE, PeaksWriter
from kit.audio.probe import probe
from kit.audio.waveform import WaveformMeter
from kit.signal.decibels import amplitude_to_db
from kit.worker.intake import reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected
from services.ingest.dsp import QUIET
from services.ingest.meters import Meters

_TOP = 1.0 - 2.0**-23
"""The largest sample of 24 bits."""
_CONTAINER = "multitrack"


@reject_unreadable()
def mix_parts(params: IngestParams, job: Job) -> IngestResult:
    """Write a song and its stems from the parts that are the job's inputs.

    All parts start together. Shorter ones are padded with silence at their ends, mono ones are
    played on both channels of a stereo song, and those of one stem are summed. If a stem or the mix
    exceeds full scale, all of them are scaled by one gain, so that the stems sum to the mix.

    Raises
    ------
    Rejected
        The parts have different sample rates, or the song is too long.
    """
    parts = _Parts.of(job.inputs)
    if parts.audio.duration > params.max_duration:
        raise Rejected(
            RejectionReason.TOO_LONG,
            f"The song lasts {parts.audio.duration:.0f} s; at most {params.max_duration:.0f} s are "
            "accepted. Cut its parts.",
        )
    files = _Files(job, parts)
    done = files.write(1.0, start=0.0)
    gain = 1.0
    if done.peak > 1.0:
        # The peak is only known at the end, so audio beyond full scale is summed a second time.
        gain = _TOP / done.peak
        done = files.write(gain, start=0.5)
    remarks = [Remark.SCALED] if gain != 1.0 else []
    if done.mix_peak <= QUIET:
        remarks.append(Remark.SILENT)
    return IngestResult(
        audio=parts.audio,
        kind=ItemKind.TRACK,
        source=SourceFormat(
            container=_CONTAINER,
            codec="flac",
            sample_rate=parts.audio.sample_rate,
            channels=parts.audio.channels,
            size=sum(part.path.stat().st_size for part in job.inputs),
        ),
        gain_db=0.0 if gain == 1.0 else round(amplitude_to_db(gain), 6),
        levels=done.meters.levels(0),
        silence=done.meters.silence(files.canonical),
        remarks=tuple(remarks),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a song, by the stems that they hold."""

    by_stem: Mapping[Stem, Sequence[JobInput]]
    audio: AudioFacts
    """Of the song: as long as its longest part."""

    @classmethod
    def of(cls, inputs: Sequence[JobInput]) -> "_Parts":
        by_stem: dict[Stem, list[JobInput]] = {}
        for part in inputs:
            by_stem.setdefault(part.stem or Stem.OTHER, []).append(part)
        facts = [probe(part.path) for part in inputs]
        rates = sorted({fact.sample_rate for fact in facts})
        if len(rates) > 1:
            shown = ", ".join(f"{rate} Hz" for rate in rates)
            raise Rejected(
                RejectionReason.RATE,
                f"The parts have different sample rates: {shown}. Export all of them at one rate.",
            )
        samples = max(fact.samples for fact in facts)
        audio = AudioFacts(
            duration=samples / rates[0],
            sample_rate=rates[0],
            channels=max(fact.channels for fact in facts),
            samples=samples,
        )
        return cls(by_stem, audio)

    def blocks(self) -> Iterator[dict[Stem, F32]]:
        """Yield the stems block by block, each `[channels, samples]` and not scaled."""
        streams = {
            stem: [read_blocks(part.path) for part in parts] for stem, parts in self.by_stem.items()
        }
        for _ in count():
            pieces = {
                stem: [piece for stream in parts if (piece := next(stream, None)) is not None]
                for stem, parts in streams.items()
            }
            length = max((p.shape[1] for group in pieces.values() for p in group), default=0)
            if not length:
                return
            yield {stem: self._sum(group, length) for stem, group in pieces.items()}

    def _sum(self, pieces: Sequence[F32], length: int) -> F32:
        total = np.zeros((self.audio.channels, length), np.float32)
        for piece in pieces:
            total[:, : piece.shape[1]] += piece
        return total


@dataclass(slots=True)
class _Written:
    """What was measured while the files were written."""

    meters: Meters
    peak: float = 0.0
    """Highest sample of all stems and the mix, before scaling."""
    mix_peak: float = 0.0


class _Files:
    """The files of a song and of its stems."""

    def __init__(self, job: Job, parts: _Parts) -> None:
        self._job = job
        self._parts = parts
        self.canonical = job.output(CANONICAL, ArtifactKind.CANONICAL, media_type="audio/flac")
        peaks = job.output(PEAKS, ArtifactKind.PEAKS, media_type=MEDIA_TYPE)
        self._paths = {Stem.MIX: (self.canonical, peaks)}
        for stem in parts.by_stem:
            self._paths[stem] = (
                job.output(
                    f"{stem.value}.flac",
                    ArtifactKind.STEM,
                    media_type="audio/flac",
                    stem=stem,
                    start=0,
                    end=parts.audio.samples,
                    audio=parts.audio,
                ),
                job.output(
                    f"{stem.value}-peaks.dat", ArtifactKind.PEAKS, media_type=MEDIA_TYPE, stem=stem
                ),
            )

    def write(self, gain: float, *, start: float) -> _Written:
        """Write all files, scaled by a gain; progress starts at `start`.

        At a gain of 1, writing stops at the first sample beyond full scale, because the files will
        be written again.
        """
        audio = self._parts.audio
        written = _Written(Meters(audio.sample_rate, audio.channels))
        waveform = WaveformMeter()
        with ExitStack() as stack:
            writers = {
                stem: (
                    stack.enter_context(Encoder(file, audio.sample_rate, channels=audio.channels)),
                    stack.enter_context(
                        PeaksWriter(peaks, audio.sample_rate, channels=audio.channels)
                    ),
                )
                for stem, (file, peaks) in self._paths.items()
            }
            samples = 0
            for stems in self._parts.blocks():
                mix: F32 = np.stack(list(stems.values())).sum(axis=0)
                blocks = {Stem.MIX: mix, **stems}
                tops = {stem: float(np.abs(block).max()) for stem, block in blocks.items()}
                written.peak = max(written.peak, *tops.values())
                written.mix_peak = max(written.mix_peak, tops[Stem.MIX])
                samples += blocks[Stem.MIX].shape[1]
                self._job.progress(start + 0.5 * samples / audio.samples, "summing the parts")
                if gain == 1.0 and written.peak > 1.0:
                    continue
                for stem, block in blocks.items():
                    scaled: F32 = block if gain == 1.0 else block * np.float32(gain)
                    for writer in writers[stem]:
                        writer.write(scaled)
                    if stem is Stem.MIX:
                        written.meters.add(scaled)
                        waveform.add(scaled)
        self._job.describe(CANONICAL, audio=audio, waveform=waveform.encoded())
        return written
