"""The mix of a multitrack: the sum of its parts, to the sample."""

from pathlib import Path

import numpy as np
import pytest

from contracts.ingest import IngestParams, IngestResult, RejectionReason, Remark
from contracts.items import ArtifactKind, ItemKind
from contracts.music import Stem
from kit.arrays import F32
from kit.audio.decode import read
from kit.worker.job import Job
from kit.worker.outcomes import Rejected
from services.ingest.engine import ConfinedFfmpeg
from services.ingest.handler import handle
from tests.support import signals
from tests.support.single_job import audio_input, single_job, write_audio

RATE = 44_100


def mix(
    tmp_path: Path, *parts: tuple[Stem, F32], rates: tuple[int, ...] = ()
) -> tuple[IngestResult, Job]:
    inputs = []
    for number, (stem, audio) in enumerate(parts):
        rate = rates[number] if rates else RATE
        path = write_audio(tmp_path / f"{number}.flac", audio, rate)
        canonical = {"kind": ArtifactKind.CANONICAL}
        inputs.append(audio_input(path, stem=stem).model_copy(update=canonical))
    job = single_job(tmp_path, inputs)
    return handle(IngestParams(), job, ConfinedFfmpeg.__new__(ConfinedFfmpeg)), job


def files(job: Job) -> dict[str, F32]:
    return {output.name: read(output.path) for output in job.outputs if ".flac" in output.name}


def test_the_mix_is_the_sum_of_the_stems_padded_at_their_ends(tmp_path: Path) -> None:
    kick = signals.sine(60.0, 2.0, amplitude=0.2, channels=1)
    snare = signals.sine(200.0, 3.0, amplitude=0.1, channels=2)
    voice = signals.sine(440.0, 2.5, amplitude=0.3, channels=2)
    result, job = mix(tmp_path, (Stem.DRUMS, kick), (Stem.VOCALS, voice), (Stem.DRUMS, snare))
    written = files(job)
    assert sorted(written) == ["canonical.flac", "drums.flac", "vocals.flac"]
    assert {audio.shape for audio in written.values()} == {(2, 3 * RATE)}
    drums = snare.copy()
    drums[:, : 2 * RATE] += kick
    np.testing.assert_allclose(written["drums.flac"], drums, atol=2e-7)
    np.testing.assert_allclose(written["vocals.flac"][:, : voice.shape[1]], voice, atol=2e-7)
    assert not written["vocals.flac"][:, voice.shape[1] :].any()
    total = written["drums.flac"] + written["vocals.flac"]
    np.testing.assert_allclose(written["canonical.flac"], total, atol=5e-7)
    assert (result.kind, result.audio.samples, result.gain_db) == (ItemKind.TRACK, 3 * RATE, 0.0)
    assert result.source.container == "multitrack"
    stems = [(o.stem, o.item) for o in job.outputs if o.kind is ArtifactKind.STEM]
    assert stems == [(Stem.DRUMS, None), (Stem.VOCALS, None)]
    peaks = [o.stem for o in job.outputs if o.kind is ArtifactKind.PEAKS]
    assert peaks == [None, Stem.DRUMS, Stem.VOCALS]


def test_a_mix_beyond_full_scale_scales_its_stems_too(tmp_path: Path) -> None:
    loud = signals.sine(100.0, 1.0, amplitude=0.8, channels=2)
    result, job = mix(tmp_path, (Stem.BASS, loud), (Stem.VOCALS, loud))
    written = files(job)
    assert result.remarks == (Remark.SCALED,)
    assert result.gain_db == pytest.approx(20 * np.log10(1 / 1.6), abs=0.01)
    assert np.abs(written["canonical.flac"]).max() <= 1.0
    total = written["bass.flac"] + written["vocals.flac"]
    np.testing.assert_allclose(written["canonical.flac"], total, atol=5e-7)


def test_parts_of_different_rates_are_rejected(tmp_path: Path) -> None:
    tone = signals.sine(100.0, 1.0, channels=2)
    with pytest.raises(Rejected, match="44100 Hz, 48000 Hz") as refusal:
        mix(tmp_path, (Stem.BASS, tone), (Stem.VOCALS, tone), rates=(44_100, 48_000))
    assert refusal.value.reason == RejectionReason.RATE
