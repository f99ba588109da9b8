"""Damaged files end in a result or in a stated reason, soon, and never in anything else."""

import collections
import os
from pathlib import Path

import pytest

from contracts.ingest import IngestParams, RejectionReason
from kit.audio.probe import probe
from kit.worker.outcomes import Rejected
from services.ingest.engine import ConfinedFfmpeg
from tests.ingest.damaged_files import make_seeds, mutants
from tests.ingest.uploads import IngestHarness, cpu_seconds, peak_alone

WITHIN = 15.0
"""CPU seconds for each file."""
DATA = Path(os.environ.get("CRATEDIG_TEST_DATA", "../shared/data"))
ODD = DATA / "odd_files" / "shared"


def put_through(harness: IngestHarness, name: str, path: Path) -> str:
    """Ingest a file and return how it ended: `taken`, or the reason."""
    began = cpu_seconds()
    try:
        taken = harness.take(path, IngestParams(max_duration=3600))
    except Rejected as outcome:
        ended, message = str(RejectionReason(outcome.reason)), outcome.message
    else:
        assert probe(taken.canonical) == taken.result.audio, name
        assert taken.result.audio.samples > 0, name
        taken.canonical.unlink()
        taken.peaks.unlink()
        ended, message = "taken", "It is there, as canonical audio."
    assert 20 < len(message) < 400, name
    assert cpu_seconds() - began < WITHIN, name
    return ended


def fuzz(
    harness: IngestHarness, engine: ConfinedFfmpeg, folder: Path, *, count: int, seed: int
) -> None:
    making = folder / "seeds"
    making.mkdir()
    path = folder / "upload"
    ended: collections.Counter[str] = collections.Counter()
    for name, content in mutants(make_seeds(engine, making), count, seed=seed):
        path.write_bytes(content)
        ended[put_through(harness, f"seed {seed}, {name}", path)] += 1
    print(f"\nseed {seed}: {dict(ended)}")
    assert sum(ended.values()) == count
    # Damage is met, and most of what is damaged a little can still be heard.
    assert ended["taken"] > count / 4
    assert ended[RejectionReason.DAMAGED] > 0


ALONE = """
import sys
from pathlib import Path
from kit.worker.engines import EngineContext
from services.ingest.engine import load_engine
from tests.ingest.test_damaged_files import fuzz
from tests.ingest.uploads import IngestHarness

folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
engine = load_engine(EngineContext())
fuzz(IngestHarness(engine, folder), engine, folder, count=count, seed=seed)
"""


@pytest.mark.timeout(240)
def test_some_mutants(tmp_path: Path) -> None:
    assert peak_alone(ALONE, tmp_path, "64", "16") < 1 << 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_mutants(tmp_path: Path) -> None:
    seed = os.environ.get("CRATEDIG_FUZZ_SEED", "2026")
    count = os.environ.get("CRATEDIG_FUZZ_COUNT", "1000")
    assert peak_alone(ALONE, tmp_path, count, seed) < 1 << 20


def odd_files() -> list[Path]:
    return sorted(path for path in ODD.rglob("*") if path.is_file() and path.suffix != ".csv")


@pytest.mark.data
@pytest.mark.timeout(300)
def test_odd_files_are_taken_or_refused(harness: IngestHarness, tmp_path: Path) -> None:
    files = odd_files()
    if not files:
        pytest.skip(f"CRATEDIG_TEST_DATA: there are no odd files in {ODD}")
    ended = {path.name: put_through(harness, path.name, path.resolve()) for path in files}
    assert len(ended) > 100
    # What is sound and of a format that is taken must not be lost to caution.
    good = {
        *("test-1.mp3", "45 - no total number of samples set.flac", "alac.m4a", "ep7.m4b"),
        *("test-192khz-32bit.flac", "64bit-48kHz-noBext-mono-overflow.wav", "RIFX-16bit-mono.wav"),
        *("4bit-imaadpcm-8kHz-noBext-mono.wav", "multipage-setup.ogg", "creative_common.mp4"),
        *("02 - increasing number of channels.flac", "test5.webm", "xing.mp3"),
    }
    assert {name: ended[name] for name in good if ended[name] != "taken"} == {}
    assert ended["emptyfile.mp3"] == RejectionReason.EMPTY
    assert ended["test1_empty.wav"] == RejectionReason.EMPTY
    assert ended["sample.mid"] == RejectionReason.UNSUPPORTED
    assert ended["64bit.mp4"] == RejectionReason.NO_AUDIO
