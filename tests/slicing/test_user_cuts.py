"""Rendering the cuts of a user: boundaries to the sample, and nothing detected."""

from pathlib import Path

import numpy as np
import pytest

from contracts.cuts import Cut
from contracts.ids import ItemId
from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.slicing import USER_SLICES, SliceEnd, SliceKind, Slices, SlicingParams, SlicingResult
from kit.audio.decode import read
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from kit.worker.outcomes import Rejected
from services.slicing.engine import load_engine
from services.slicing.handler import handle
from tests.support import signals
from tests.support.single_job import audio_input, single_job, write_audio

RATE = 44_100
SAMPLE = ItemId("01920000-0000-7000-8000-000000000001")


def render(
    tmp_path: Path, cuts: tuple[Cut, ...], params: SlicingParams | None = None
) -> tuple[SlicingResult, Slices, Job]:
    path = write_audio(tmp_path / "song.flac", signals.drum_loop(110.0, 4).audio, RATE)
    job = single_job(tmp_path, [audio_input(path, stem=Stem.DRUMS)])
    job.cuts = cuts
    result = handle(params or SlicingParams(), job, load_engine(EngineContext()))
    (document,) = [output for output in job.outputs if output.name == USER_SLICES]
    return result, Slices.model_validate_json(document.path.read_bytes()), job


def test_cuts_are_rendered_to_the_sample(tmp_path: Path) -> None:
    cuts = (
        Cut(number=4, start=123, end=9_001, sample=SAMPLE),
        Cut(number=0, start=5_000, end=15_000, onset=6_000, stored=False),
        Cut(number=9, start=20_000, end=20_400),
        Cut(
            number=2, kind=SliceKind.LOOP, start=24_000, end=24_000 + 96_218, bars=1, bpm=110.0
        ),
    )  # fmt: skip
    result, document, job = render(tmp_path, cuts, SlicingParams(fade_in_ms=0, fade_out_ms=0))
    assert (result.one_shots, result.loops, result.stored, result.by_user) == (3, 1, 3, True)
    assert [piece.index for piece in document.slices] == [4, 0, 9, 2]
    assert [(piece.start, piece.end) for piece in document.slices] == [
        (cut.start, cut.end) for cut in cuts
    ]
    assert {piece.end_reason for piece in document.slices} == {SliceEnd.USER}
    parent = read(tmp_path / "song.flac")
    outputs = {output.name: output for output in job.outputs}
    assert sorted(outputs) == [
        "cuts.json", "drums-hit-0004.flac", "drums-hit-0009.flac", "drums-loop-1bar-0002.flac"
    ]  # fmt: skip
    for piece in document.slices:
        if piece.file is not None:
            output = outputs[piece.file]
            np.testing.assert_array_equal(read(output.path), parent[:, piece.start : piece.end])
            assert (output.start, output.end) == (piece.start, piece.end)
    assert outputs["drums-hit-0004.flac"].replaces == SAMPLE
    assert outputs["drums-hit-0009.flac"].replaces is None
    assert outputs["drums-loop-1bar-0002.flac"].kind is ArtifactKind.LOOP
    loop = document.slices[3]
    assert loop.bars == 1
    assert loop.bpm == pytest.approx(110.0, rel=1e-4)
    # Of a group with files, one of these is the best.
    shots = [piece for piece in document.slices if piece.kind is SliceKind.ONE_SHOT]
    with_files = {piece.group for piece in shots if piece.file is not None}
    best = [piece for piece in shots if piece.best and piece.group in with_files]
    assert len(best) == len(with_files)
    assert all(piece.file is not None for piece in best)


def test_a_cut_in_the_middle_of_a_sound_is_faded_in(tmp_path: Path) -> None:
    loop = signals.drum_loop(110.0, 4)
    first = np.abs(loop.audio[0, :RATE])
    loud = int(np.argmax(first))
    _, document, job = render(tmp_path, (Cut(number=0, start=loud, end=loud + 8_000),))
    (piece,) = document.slices
    assert piece.fade_in == 44
    (output,) = [output for output in job.outputs if output.kind is ArtifactKind.SAMPLE]
    audio = read(output.path)
    assert np.abs(audio[:, 0]).max() < 1e-3
    assert np.abs(audio[:, -1]).max() < 1e-3


def test_a_cut_outside_the_recording_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="Move the cut into the recording"):
        render(tmp_path, (Cut(number=0, start=0, end=RATE * 3600),))
