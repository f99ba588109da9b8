"""Separation of real recordings whose true stems are known."""

from pathlib import Path

import pytest

from contracts.separation import SeparationParams, StemDepth
from kit.audio.decode import read
from services.separation.engine import NetworkEngine
from services.separation.handler import handle
from tests.separation.fake_separators import make_job, si_sdr


@pytest.mark.data
def test_a_song_is_taken_apart(engine: NetworkEngine, recordings: Path, tmp_path: Path) -> None:
    song = recordings / "mdb_stems" / "Reggae"
    mixture, voice = read(song / "mixture.flac"), read(song / "vocals.flac")
    job, _ = make_job(tmp_path, mixture)
    result = handle(SeparationParams(depth=StemDepth.INT16), job, engine)
    vocals = read(tmp_path / "outputs" / "vocals.flac")
    accompaniment = read(tmp_path / "outputs" / "accompaniment.flac")
    assert si_sdr(voice, vocals) > 12
    assert si_sdr(mixture - voice, accompaniment) > 16
    assert {stem.clipped for stem in result.stems} == {0}
    assert all(0.5 < stem.confidence < 1 for stem in result.stems)
