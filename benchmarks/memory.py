"""An hour of stereo through the embedded server: the time of each step, each process's peak.

The peak is what Linux says of each process (`VmHWM`), read while it runs; a process that ends is
known by its last reading.
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.environments import SMALLEST
from tests.support.running_server import RunningServer, embedded_server, running

RATE = 44_100


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[4.0, 60.0])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for minutes in [0.25] if SMALLEST else arguments.minutes:
            _measure(Path(folder), minutes)


def _measure(folder: Path, minutes: float) -> None:
    path = _music(folder / f"{minutes:g}.wav", minutes * 60)
    place = folder / f"server-{minutes:g}"
    place.mkdir()
    with running(embedded_server(place, extra={"KIT_LOG_LEVEL": "WARNING"})) as server:
        peaks = Peaks(server)
        user = server.user()
        began = time.monotonic()
        sent = user.uploads.file(path)
        uploaded = time.monotonic()
        user.jobs.wait(str(sent.job))
        ingested = time.monotonic()
        user.jobs.wait(user.jobs.create(str(sent.item), "midi").id)
        ended = time.monotonic()
        peaks.stop()
    size = path.stat().st_size / 1e6
    path.unlink()
    print(f"{minutes:g} minutes of stereo ({size:.0f} MB)")
    print(
        f"  upload {uploaded - began:.1f} s, ingest {ingested - uploaded:.1f} s, "
        f"midi {ended - ingested:.1f} s"
    )
    for name, kib in sorted(peaks.by_name().items(), key=lambda entry: -entry[1]):
        print(f"  {name:<12} peak {kib / 1024:.0f} MiB")


def _music(path: Path, seconds: float) -> Path:
    """Write stereo with notes and hits that never repeat exactly, a block at a time."""
    chance = np.random.default_rng(60)
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        left = int(seconds * RATE)
        while left > 0:
            count = min(left, RATE // 2)
            clock = np.arange(count) / RATE
            notes = sum(
                np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * clock)
                for pitch in chance.integers(40, 80, 3)
            )
            tone = 0.15 * notes * np.exp(-3 * clock)
            hit = 0.2 * chance.standard_normal(count) * np.exp(-30 * clock)
            file.write(np.stack([tone + hit, tone - 0.5 * hit], axis=1))
            left -= count
    return path


class Peaks:
    """Reads the peak memory and the processor time of a process tree until stopped."""

    def __init__(self, server: RunningServer) -> None:
        process = server.parts["server"].process
        assert process is not None
        self._root = process.pid
        self._peaks: dict[int, tuple[str, int]] = {}
        self._ticks: dict[int, int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stopping.set()
        self._thread.join()

    def by_name(self) -> dict[str, int]:
        """Return the largest peak, in KiB, of the processes of each name."""
        peak_by_name: dict[str, int] = {}
        for name, kib in self._peaks.values():
            peak_by_name[name] = max(peak_by_name.get(name, 0), kib)
        return peak_by_name

    def seconds_by_name(self) -> dict[str, float]:
        """Return the processor seconds of all processes of each name."""
        seconds: dict[str, float] = {}
        for pid, ticks in self._ticks.items():
            name = self._peaks[pid][0]
            seconds[name] = seconds.get(name, 0.0) + ticks / os.sysconf("SC_CLK_TCK")
        return seconds

    def _watch(self) -> None:
        while not self._stopping.wait(0.2):
            for pid in self._tree():
                try:
                    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
                    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
                if "VmHWM" in fields:
                    self._peaks[pid] = (self._name(pid, words), int(fields["VmHWM"].split()[0]))
                    self._ticks[pid] = int(times[11]) + int(times[12])

    def _name(self, pid: int, words: list[str]) -> str:
        if pid == self._root:
            return "the server"
        if "kit.worker.child" in words:
            return f"child {words[words.index('kit.worker.child') + 4] or pid}"
        return Path(words[0]).name.split("-")[0]

    def _tree(self) -> list[int]:
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text(encoding="utf-8")
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
        tree = [self._root]
        for pid in tree:
            tree += [child for child, parent in parents.items() if parent == pid]
        return tree


if __name__ == "__main__":
    main()
