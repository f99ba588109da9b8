"""Reference packages live in environments of their own, made from hashed lists on first use."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
SMALLEST = os.environ.get("CRATEDIG_BENCH") == "smallest"
"""Whether benchmarks only show that they still work (`make test-bench`); figures mean nothing."""

Case = TypeVar("Case")


def few(cases: Iterable[Case], count: int = 1) -> list[Case]:
    """Return all cases, or only the first where benchmarks only show that they still work."""
    return list(islice(cases, count)) if SMALLEST else list(cases)


def shorter(seconds: int) -> int:
    """Return a length in seconds, or a short one where benchmarks only show that they work."""
    return min(seconds, 15) if SMALLEST else seconds


def reference_python(name: str) -> Path:
    """Return the Python of `.venv-reference-<name>`; make the environment where it is not there.

    Raises
    ------
    SystemExit
        There is no uv to make it with.
    """
    folder = ROOT / f".venv-reference-{name}"
    lock = ROOT / "benchmarks" / "reference" / f"{name}.txt"
    python, stamp = folder / "bin" / "python", folder / ".lock"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return python
    sibling = Path(sys.executable).with_name("uv")
    uv = str(sibling) if sibling.exists() else shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is needed to make the reference environment: run `make setup`.")
    print(f"Making {folder.name} …", file=sys.stderr)
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", folder], check=True)
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*install, "--python", python, "-r", lock], check=True)
    stamp.write_text(lock.read_text())
    return python


def test_data() -> Path | None:
    """Return where recordings lie: `CRATEDIG_TEST_DATA`, or next to the checkout; else `None`."""
    named = os.environ.get("CRATEDIG_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def run_alone(word: str, path: Path) -> dict[str, Any]:
    """Run a handler over a file in a fresh process; return its processor seconds, peak MB."""
    command = [sys.executable, "-m", "benchmarks.environments", word, str(path)]
    # One thread, as a worker gives where jobs share the processors.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def write_figures(readme: Path, text: str, *, name: str = "figures") -> None:
    """Put figures between the marks of that name in a README."""
    if SMALLEST:
        raise SystemExit("The smallest case gives no figures worth writing.")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = readme.read_text(encoding="utf-8")
    before, rest = content.split(begin, 1)
    _, after = rest.split(end, 1)
    readme.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _peak_mb() -> float:
    """Return the peak memory of this program, without that of the one which started it."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _main(word: str, path: Path) -> None:
    from kit.service import WorkerService, resolve
    from kit.settings import KitSettings
    from kit.weights.manifest import read_manifest
    from kit.weights.store import open_store
    from kit.worker.engines import EngineContext
    from tests.support.single_job import audio_input, single_job

    service: WorkerService = resolve(f"services.{word}.service:SERVICE")
    handle, load = resolve(service.handler), resolve(service.engine)
    with TemporaryDirectory() as scratch:
        job = single_job(Path(scratch), [audio_input(path)])
        weights: dict[str, Path] = {}
        if service.weights is not None:
            store = open_store(KitSettings())
            weights = store.verified(read_manifest(service.weights))
        engine = load(EngineContext(weights=weights))
        # Time of the processor, so that what else the machine does changes little.
        began = time.process_time()
        handle(service.params(), job, engine)
        seconds = time.process_time() - began
    print(json.dumps({"seconds": seconds, "rss_mb": _peak_mb()}))


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
