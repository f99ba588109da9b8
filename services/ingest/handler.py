"""Ingest an upload: sniff it, decode it in the sandbox, write canonical audio and metadata."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

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
from contracts.music import Seconds
from contracts.waveforms import WaveformData
from kit.arrays import AudioBlock
from kit.audio.decode import resample_stream
from kit.audio.encode import AudioForm, Encoder, nearest_rate
from kit.audio.peaks import MEDIA_TYPE, PeaksWriter
from kit.audio.waveform import WaveformMeter
from kit.signal.decibels import amplitude_to_db
from kit.worker.job import Job
from kit.worker.outcomes import Rejected
from services.ingest.decoder import DecoderReport, Decoding, UploadedFile, no_sound
from services.ingest.dsp import (
    QUIET,
    Clipping,
    downmix_matrix,
    repair,
)
from services.ingest.engine import Engine
from services.ingest.meters import Meters
from services.ingest.multitrack import mix_parts
from services.ingest.sniff import sniff
from services.ingest.stated import read_stated

LONGEST_SAMPLE: Seconds = 12.0
"""Maximum length of a sample, if the upload declares no kind."""
LONGEST_TRACK: Seconds = 1200.0
"""Maximum length of a track, if the upload declares no kind; longer audio is a recording."""

_LATE: Seconds = 0.05
"""A later start causes a remark; a shorter delay is encoder padding."""
_TELL_SOUND = ("mp3", "wv", "tta", "au")
"""Containers whose stated duration is that of the audio, within milliseconds."""
_TOP = 1.0 - 2.0**-23
"""The largest sample of 24 bits."""
_GUESS: Seconds = 240.0
"""Assumed length for the progress."""


@dataclass(slots=True)
class Intake:
    """The decoded stream, repaired, downmixed to at most two channels, and resampled."""

    decoding: Decoding
    clipping: Clipping = field(default_factory=Clipping)
    repaired: int = 0
    peak: float = 0.0
    """Highest sample so far, before any scaling."""

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return min(2, self.decoding.channels)

    @property
    def sample_rate(self) -> int:
        """Output rate in Hz: the source's, or the nearest that FLAC can store."""
        return nearest_rate(AudioForm.FLAC_24, self.decoding.sample_rate)

    def blocks(self) -> Iterator[AudioBlock]:
        """Yield float32 blocks, `[1 or 2, samples]`, not yet scaled."""
        folded = resample_stream(
            self._folded(), self.decoding.sample_rate, self.sample_rate, quality="VHQ"
        )
        for block in folded:
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            yield block

    def _folded(self) -> Iterator[AudioBlock]:
        matrix = downmix_matrix(self.decoding.channels, self.decoding.mask)
        for raw in self.decoding.blocks():
            block, wrong = repair(raw)
            self.repaired += wrong
            self.clipping.add(block)
            yield block if self.decoding.channels <= 2 else matrix @ block


@dataclass(frozen=True, slots=True)
class DecodedUpload:
    """The result of reading the upload once."""

    decoder_report: DecoderReport
    source_rate: int
    source_channels: int
    source_samples: int
    """Samples of each channel that were decoded, at the source's rate."""
    start: Seconds
    audio: AudioFacts
    waveform: WaveformData
    meters: Meters
    clipped: int
    repaired: int
    peak: float


def handle(params: IngestParams, job: Job, engine: Engine) -> IngestResult:
    """Convert an upload to canonical audio, a waveform and metadata; or mix a multitrack.

    Raises
    ------
    Rejected
        The upload is unusable: the code is a `RejectionReason`, the message says what to do.
    """
    if all(part.kind is ArtifactKind.CANONICAL for part in job.inputs):
        return mix_parts(params, job)
    path = job.input.path.resolve()
    upload = UploadedFile(path, path.stat().st_size, sniff(path))
    canonical = job.output(CANONICAL, ArtifactKind.CANONICAL, media_type="audio/flac")
    peaks = job.output(PEAKS, ArtifactKind.PEAKS, media_type=MEDIA_TYPE)
    reading = _Reading(params, job, engine, upload, canonical, peaks)
    done = reading.run(1.0, start=0.0)
    gain = 1.0
    if done.peak > 1.0:
        # The peak is only known at the end, so audio beyond full scale is read a second time.
        gain = _TOP / done.peak
        done = reading.run(gain, start=0.5)
    job.describe(CANONICAL, audio=done.audio, waveform=done.waveform)
    tags = engine.run_tag_reader(upload, folder=_folder(job))
    return IngestResult(
        audio=done.audio,
        kind=_kind(job, done.audio.duration),
        source=SourceFormat(
            container=upload.sniffed.container,
            codec=done.decoder_report.codec,
            sample_rate=done.source_rate,
            channels=done.source_channels,
            size=upload.size,
            stated_duration=done.decoder_report.stated_duration,
            start=round(done.start, 6) + 0.0,
            decoder=engine.name,
        ),
        gain_db=0.0 if gain == 1.0 else round(amplitude_to_db(gain), 6),
        levels=done.meters.levels(done.clipped),
        silence=done.meters.silence(canonical),
        tags=tags.texts,
        tag_encoding=tags.encoding,
        raw_tags={name: base64.b64encode(part) for name, part in tags.raw.items()},
        remarks=tuple(_remarks(done, upload, scaled=gain != 1.0)),
        stated=read_stated(upload, name=_name(job), tags=tags.texts, duration=done.audio.duration),
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    params: IngestParams
    job: Job
    engine: Engine
    upload: UploadedFile
    canonical: Path
    peaks: Path

    def run(self, gain: float, *, start: float) -> DecodedUpload:
        """Read the upload once, scaled by a gain; progress starts at `start`.

        At a gain of 1, writing stops at the first sample beyond full scale, because the file will
        be read again.
        """
        with self.engine.run_decoder(
            self.upload, bounds=self.params, folder=_folder(self.job)
        ) as decoding:
            intake = Intake(decoding)
            rate, channels = intake.sample_rate, intake.channels
            meters, waveform = Meters(rate, channels), WaveformMeter()
            samples = 0
            with ExitStack() as stack:
                encoder = stack.enter_context(Encoder(self.canonical, rate, channels=channels))
                writer = stack.enter_context(PeaksWriter(self.peaks, rate, channels=channels))
                for block in intake.blocks():
                    samples += block.shape[1]
                    self._tell(samples / rate, start=start)
                    if gain == 1.0 and intake.peak > 1.0:
                        continue
                    scaled = block if gain == 1.0 else block * np.float32(gain)
                    encoder.write(scaled)
                    writer.write(scaled)
                    meters.add(scaled)
                    waveform.add(scaled)
                # Inside the context, so that a rejection removes the files.
                report = decoding.finish()
                self._check(report, samples, rate)
            return DecodedUpload(
                decoder_report=report,
                source_rate=decoding.sample_rate,
                source_channels=decoding.channels,
                source_samples=decoding.samples,
                start=decoding.start,
                audio=AudioFacts(
                    duration=samples / rate, sample_rate=rate, channels=channels, samples=samples
                ),
                waveform=waveform.encoded(),
                meters=meters,
                clipped=intake.clipping.samples,
                repaired=intake.repaired,
                peak=intake.peak,
            )

    def _tell(self, seconds: Seconds, *, start: float) -> None:
        fraction = seconds / (seconds + _GUESS)
        self.job.progress(start + 0.5 * fraction, f"{seconds:.0f} s of audio read")

    def _check(self, report: DecoderReport, samples: int, rate: int) -> None:
        """Reject audio that is too short."""
        seconds = samples / rate
        if seconds >= self.params.min_duration and samples:
            return
        if report.faults:
            raise Rejected(
                RejectionReason.DAMAGED,
                f"The file is damaged: only {seconds:.1f} s of its audio can be decoded. Export or "
                "copy it again.",
            )
        raise no_sound(seconds)


def _cut_short(done: DecodedUpload, upload: UploadedFile) -> bool:
    """Return whether there is less audio than the file's header states."""
    header, stated = upload.sniffed.header, done.decoder_report.stated_duration
    if header.cut_short:
        return True
    if header.frames is not None:
        return done.source_samples < header.frames
    if stated is None or upload.sniffed.container not in _TELL_SOUND:
        return False
    return done.source_samples / done.source_rate < stated - max(0.1, 0.002 * stated)


def _remarks(done: DecodedUpload, upload: UploadedFile, *, scaled: bool) -> Iterator[Remark]:
    """Yield remarks on an accepted upload."""
    if done.decoder_report.faults:
        yield Remark.DAMAGED
    if _cut_short(done, upload):
        yield Remark.TRUNCATED
    if done.start >= _LATE:
        yield Remark.DELAYED
    if done.audio.sample_rate != done.source_rate:
        yield Remark.RESAMPLED
    if done.source_channels > 2:
        yield Remark.DOWNMIXED
    if scaled:
        yield Remark.SCALED
    if done.repaired:
        yield Remark.REPAIRED
    if done.peak <= QUIET:
        yield Remark.SILENT
    if done.decoder_report.streams > 1:
        yield Remark.FIRST_OF_MANY


def _kind(job: Job, duration: Seconds) -> ItemKind:
    """Return the kind that an item was declared as; what is only searched by is a sample."""
    if job.item_facts is None:
        return ItemKind.SAMPLE
    return job.item_facts.declared or _judge(duration)


def _name(job: Job) -> str:
    return "" if job.item_facts is None else job.item_facts.name


def _judge(duration: Seconds) -> ItemKind:
    """Classify an upload by its length."""
    if duration <= LONGEST_SAMPLE:
        return ItemKind.SAMPLE
    return ItemKind.TRACK if duration <= LONGEST_TRACK else ItemKind.RECORDING


def _folder(job: Job) -> Path:
    """Return a private, empty folder for a sandboxed program."""
    folder = job.scratch / "sandbox"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
