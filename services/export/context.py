"""What a preset works with: the job, the archive, and what to report about the bundle."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from contracts.export import ExportFacts, ExportParams, ExportResult
from kit.arrays import AudioBlock
from kit.worker.intake import Silent
from kit.worker.job import Job
from services.export.archive import Archive
from services.export.bundle import FileSource, StemTrack
from services.export.engine import Engine
from services.export.formats.wav import (
    Chunk,
    count_clipped,
    pack_samples,
    wav_header,
    wav_size,
)
from services.export.reading import facts_of

WAV = "audio/wav"
SILENCE = 10 ** (-90 / 20)
"""Audio that never exceeds this is silent."""
_MAX_TEXTS = 50
_WRITING = 0.98
"""Progress at which all audio is written."""


class ExportContext:
    """One export: presets write files with it, and it keeps what the result reports.

    Parameters
    ----------
    params, job, engine
        As the handler received them.
    archive
        The open archive.
    """

    def __init__(self, params: ExportParams, job: Job, engine: Engine, archive: Archive) -> None:
        self.params = params
        self.job = job
        self.engine = engine
        self.archive = archive
        self.facts: ExportFacts = facts_of(job)
        self.left_out: list[str] = []
        """What is missing and why, for a person."""
        self.remarks: list[str] = []
        """What was changed or guessed, for a person."""
        self.peak = 0.0
        """Highest absolute sample of all audio so far."""
        self.duration = 0.0
        """Seconds of the longest audio file so far."""
        self.clipped = 0
        self._written = 0
        self._expected = 1

    def expect(self, samples: int) -> None:
        """Set how many samples, over all audio files, the progress is measured against."""
        self._expected = max(1, samples)

    def read(
        self, path: Path, *, sample_rate: int, channels: int, samples: int
    ) -> Iterator[AudioBlock]:
        """Yield audio in a bundle's format; see `Engine.run`."""
        return self.engine.run(path, sample_rate=sample_rate, channels=channels, samples=samples)

    def write_wav(
        self,
        name: str,
        blocks: Iterable[AudioBlock],
        *,
        sample_rate: int,
        channels: int,
        samples: int,
        chunks: Sequence[Chunk] = (),
        sources: Iterable[FileSource] = (),
        archive: Archive | None = None,
    ) -> float:
        """Add a WAV file of 24 bits, and report progress.

        Parameters
        ----------
        blocks
            `[channels, samples]`, `samples` in total.
        archive
            Where to, if not to the bundle itself.

        Returns
        -------
        float
            The highest absolute sample before clipping.
        """
        peak = 0.0
        size = wav_size(channels=channels, samples=samples, chunks=chunks)
        with (archive or self.archive).member(name, WAV, size=size, sources=sources) as member:
            header = wav_header(
                sample_rate=sample_rate, channels=channels, samples=samples, chunks=chunks
            )
            member.write(header)
            for block in blocks:
                peak = max(peak, self.measure(block, name))
                member.write(pack_samples(block))
            if (samples * channels) % 2:
                member.write(b"\0")
        self.duration = max(self.duration, samples / sample_rate)
        return peak

    def measured(self, blocks: Iterable[AudioBlock], name: str) -> Iterator[AudioBlock]:
        """Yield the blocks of a file after `measure`."""
        for block in blocks:
            self.measure(block, name)
            yield block

    def measure(self, block: AudioBlock, name: str) -> float:
        """Return the peak of a block of a file, count its clipped samples and report progress."""
        peak = float(np.abs(block).max(initial=0.0))
        self.peak = max(self.peak, peak)
        self.clipped += count_clipped(block)
        self.advance(block.shape[1], name)
        return peak

    def advance(self, samples: int, name: str) -> None:
        """Report that samples were written."""
        self._written += samples
        self.job.progress(_WRITING * self._written / self._expected, f"writing {name}"[:200])

    def require_sound(self) -> None:
        """Raise `Silent` if all audio written so far is silent."""
        if self.peak < SILENCE:
            raise Silent

    def remark_mixed_rates(self, tracks: Sequence[StemTrack], sample_rate: int) -> None:
        """Remark that tracks of other sample rates were resampled, if there are any."""
        other = [t for t in tracks if t.audio and t.audio.sample_rate != sample_rate]
        if other:
            self.remarks.append(
                f"{len(other)} of {len(tracks)} tracks had another sample rate and were resampled "
                f"to {sample_rate} Hz: {', '.join(track.name for track in other)[:200]}"
            )

    def remark_unknown_tempo(self, consequence: str) -> None:
        """Remark what follows from an unknown tempo, such as "song.mid is at 120 BPM"."""
        if self.job.subject.item is not None:
            cause = "The tempo of the song is unknown; run its analysis first"
        else:
            cause = "No item of this collection has a known tempo"
        self.remarks.append(f"{cause}: {consequence}.")

    def result(self, file: str) -> ExportResult:
        """Return the summary of the finished bundle."""
        return ExportResult(
            preset=self.params.preset,
            file=file,
            files=len(self.archive.files),
            content_bytes=sum(file.size for file in self.archive.files),
            duration=self.duration,
            clipped=self.clipped,
            left_out=tuple(self.left_out[:_MAX_TEXTS]),
            remarks=tuple(self.remarks[:_MAX_TEXTS]),
        )
