"""An hour of stereo goes through in flat memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from kit.audio.encode import AudioForm, Encoder
from tests.support import signals

ROOT = Path(__file__).parents[2]
MEASURE = """
import resource, sys
from pathlib import Path
from kit.worker.engines import EngineContext
from services.ingest.engine import load_engine
from tests.ingest.uploads import IngestHarness

harness = IngestHarness(load_engine(EngineContext()), Path(sys.argv[1]))
taken = harness.take(Path(sys.argv[2]))
who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(taken.result.audio.duration, *(resource.getrusage(one).ru_maxrss for one in who))
"""


def peaks(folder: Path, minutes: int) -> tuple[float, int, int]:
    """Ingest so many minutes of noise; return seconds, and the peaks in KiB of us and of ffmpeg."""
    path = folder / f"{minutes}.wav"
    minute = signals.noise(60.0, channels=2, amplitude=0.5)
    with Encoder(path, 44_100, channels=2, form=AudioForm.WAV_16) as encoder:
        for _ in range(minutes):
            encoder.write(minute)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, folder, path],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
        timeout=900,
    )
    path.unlink()
    duration, ours, theirs = done.stdout.split()
    return float(duration), int(ours), int(theirs)


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_an_hour_takes_no_more_memory_than_two_minutes(tmp_path: Path) -> None:
    _, short, _ = peaks(tmp_path, 2)
    duration, long, decoder = peaks(tmp_path, 60)
    assert duration == 3600
    assert long < short + (16 << 10), f"{short >> 10} MiB became {long >> 10} MiB"
    assert decoder < 256 << 10
