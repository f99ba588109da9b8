"""Bundles: how long a kit and a song's stems take, and how well a kit replays its loop.

`python -m benchmarks.export` prints the figures; `--write` also puts them into the README.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.analysis_cases import Case, drum_tracks
from benchmarks.environments import ROOT, few, shorter, test_data, write_figures
from contracts.export import KITS, ExportParams, Preset
from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.slicing import SlicingParams
from kit.arrays import Mono
from kit.audio.decode import read
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from services.export.bundle import Kit
from services.export.engine import load_engine
from services.export.grooves import replay_kit
from services.export.handler import handle
from services.export.samples import read_recordings
from services.slicing.engine import load_engine as load_slicing
from services.slicing.handler import handle as slice_up
from tests.export.jobs import RATE, SongFiles, fresh
from tests.support.kits import likeness, play
from tests.support.single_job import audio_input, single_job, write_audio

ROUNDS = 3
SONG_SECONDS = 240
STEMS = (Stem.VOCALS, Stem.GUITAR, Stem.PIANO, Stem.OTHER, Stem.BASS, Stem.DRUMS)
_SIXTEENTH = 0.25
"""Beats."""
_EVEN_VELOCITY = 100


def sliced(case: Case, folder: Path) -> Job:
    """Slice a drum track; return the job of an export of it."""
    folder.mkdir()
    audio = np.stack([case.audio, case.audio])
    path = write_audio(folder / "drums.flac", audio, case.rate)
    slicing = single_job(folder, [audio_input(path, stem=Stem.DRUMS)])
    slice_up(SlicingParams(), slicing, load_slicing(EngineContext()))
    files = SongFiles(folder, name=case.name)
    for output in slicing.outputs:
        files.add(output.kind, output.name, output.path, stem=output.stem)
    return files.job(folder / "job")


def export_seconds(job: Job, params: ExportParams, folder: Path) -> tuple[float, float]:
    """Return the median time of an export: of the clock, and of the processor."""
    times = []
    for attempt in few(range(ROUNDS)):
        run = fresh(job, folder / f"{params.preset}-{attempt}")
        began, processor = time.perf_counter(), time.process_time()
        handle(params, run, load_engine(EngineContext()))
        times.append((time.perf_counter() - began, time.process_time() - processor))
    clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
    return clock, processor


def kit_table(job: Job, folder: Path) -> Iterator[str]:
    """Yield a Markdown table of the time that a kit of 16 pads takes in each format."""
    yield "| kit of 16 pads | seconds | of processor time |"
    yield "|---|---|---|"
    for preset in sorted(KITS):
        clock, processor = export_seconds(job, ExportParams(preset=preset), folder)
        yield f"| `{preset}` | {clock:.2f} | {processor:.2f} |"


def stems_sentence(folder: Path) -> str:
    """Return how long the bundle of a song's six stems takes."""
    seconds = shorter(SONG_SECONDS)
    files = SongFiles(folder, seconds)
    rng = np.random.default_rng(1)
    audio = rng.uniform(-0.2, 0.2, (2, seconds * RATE)).astype(np.float32)
    files.audio("canonical.flac", audio, stem=None)
    for stem in STEMS:
        files.audio(f"{stem}.flac", audio, stem=stem)
    job = files.job(folder / "stems")
    clock, processor = export_seconds(job, ExportParams(preset=Preset.STEMS), folder)
    return (
        f"The stems of a song of {seconds} s, six in stereo of noise, take {clock:.1f} s, "
        f"{clock / seconds:.3f} of its length, and {processor:.1f} s of processor time."
    )


def straight(kit: Kit) -> Kit:
    """Return a kit whose groove lies on sixteenths, at one velocity."""
    step = _SIXTEENTH * 60 / (kit.bpm or 120)
    notes = {
        (round(note.start / step), note.pitch): note.model_copy(
            update={"start": round(note.start / step) * step, "velocity": _EVEN_VELOCITY}
        )
        for note in kit.groove
    }
    return replace(kit, groove=tuple(notes.values()))


def loop_audio(job: Job, name: str) -> Mono:
    """Return a stored loop as the mean of its channels at 44.1 kHz."""
    file = next(f for f in job.inputs if f.kind is ArtifactKind.LOOP and f.name == name)
    return read(file.path, RATE, mono=True)[0]


def groove_table(jobs: Sequence[tuple[str, Job]]) -> Iterator[str]:
    """Yield a Markdown table of how alike loops and their replays are, by track."""
    yield "| drum track | loops | hits a loop | pads | kit with its groove | on sixteenths |"
    yield "|---|---|---|---|---|---|"
    everything: list[tuple[float, float]] = []
    for name, job in jobs:
        params = ExportParams(preset=Preset.SFZ)
        scores, hits, pads = [], [], []
        for recording in read_recordings(params, job):
            for loop in recording.loops():
                kit = replay_kit(name, recording.slices, loop, recording.samples)
                if kit is None:
                    continue
                original = loop_audio(job, loop.file or "")
                seconds = len(original) / RATE
                scores.append(
                    (
                        likeness(original, play(kit, seconds)),
                        likeness(original, play(straight(kit), seconds)),
                    )
                )
                hits.append(len(kit.groove))
                pads.append(len(kit.pads))
        if not scores:
            continue
        everything += scores
        own, even = (statistics.fmean(column) for column in zip(*scores, strict=True))
        yield (
            f"| {name} | {len(scores)} | {statistics.fmean(hits):.0f} | "
            f"{statistics.fmean(pads):.0f} | {own:.3f} | {even:.3f} |"
        )
    if everything:
        own, even = (statistics.fmean(column) for column in zip(*everything, strict=True))
        yield f"| **all** | {len(everything)} | | | **{own:.3f}** | {even:.3f} |"


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        jobs = [(case.name, sliced(case, folder / case.name)) for case in few(drum_tracks(data))]
        lines = [*kit_table(jobs[0][1], folder), "", stems_sentence(folder), ""]
        lines += groove_table(jobs)
    text = "\n".join(lines)
    print(text)
    if args.write:
        write_figures(ROOT / "services" / "export" / "README.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
