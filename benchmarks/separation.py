"""The separation service compared with torch and demucs: equality, quality, time, memory.

`python -m benchmarks.separation` prints the figures; `--write` also puts them into the service's
README; `--only` chooses parts. The reference lives in an environment of its own,
`.venv-reference-separation`, made on first use from `benchmarks/reference/separation.txt`.

Demucs' own weights cannot be had everywhere, so equality and speed are measured on seeded random
weights of the official configurations, in the official file format.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.environments import (
    ROOT,
    SMALLEST,
    reference_python,
    test_data,
    write_figures,
)
from kit.arrays import F32
from kit.audio.decode import read
from kit.inference.opening import open_network
from kit.settings import KitSettings
from kit.weights.checkpoints import read_tensorflow
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from services.separation.dsp import hann, stft
from services.separation.networks.htdemucs import convert
from services.separation.spleeter import HOP, SIZE
from tests.separation.synthetic_vocals import song as synthetic_song

README = ROOT / "services" / "separation" / "README.md"
SCRIPT = ROOT / "benchmarks" / "separation_reference.py"
RATE = 44_100
ROUNDS = 3
SONG_SECONDS = 30
QUIETER_DB = -30
PARTS = ("equality", "torch", "quality", "speed", "memory")
TUNED = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
"""What keeps torch from giving memory back to the system and taking it again at each layer."""


@dataclass(frozen=True, slots=True)
class Run:
    """The report and the cost of a process."""

    report: dict[str, Any]
    seconds: float
    processor_seconds: float
    """Of all threads: what other processes of the machine change least."""
    peak_mib: float


def run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> Run:
    """Run a process to its end; its last line is its JSON report, if any."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env=os.environ | (environment or {}),
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command} ended with status {process.returncode}")
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines()
    report = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return Run(report, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def reference(*arguments: str | Path) -> Run:
    """Run the reference's script."""
    return run([reference_python("separation"), SCRIPT, *arguments])


def ours(graphs: dict[str, Path], audio: Path, out: Path, **params: object) -> Run:
    """Run one job of ours in a process of its own."""
    request = {
        "graphs": {name: str(path) for name, path in graphs.items()},
        "audio": str(audio),
        "out": str(out),
        "params": {"previews": False, **params},
    }
    return run([sys.executable, "-m", "benchmarks.separation_ours", json.dumps(request)])


def snr(reference_: np.ndarray, estimate: np.ndarray) -> float:
    """Return how far the error is below the reference, in dB."""
    wide = reference_.astype(np.float64)
    return 10 * float(np.log10(np.square(wide).sum() / np.square(wide - estimate).sum()))


def si_sdr(truth: F32, estimate: F32) -> float:
    """Scale-invariant ratio of signal to distortion in dB (J. Le Roux et al., ICASSP 2019)."""
    wide, estimated = truth.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    wide, estimated = wide - wide.mean(), estimated - estimated.mean()
    target = (wide @ estimated) / (wide @ wide) * wide
    return 10 * float(np.log10((target @ target) / np.square(estimated - target).sum()))


def spleeter_graph() -> dict[str, Path]:
    """Return the light separator's graph."""
    manifest = read_manifest(ROOT / "services" / "separation" / "weights.toml")
    return {"spleeter-2stems": open_store(KitSettings()).verified(manifest)["spleeter-2stems"]}


def random_graphs(folder: Path, kind: str) -> dict[str, Path]:
    """Make random weights of an official configuration, and our graphs of them."""
    reference("weights", folder, kind)
    names = {
        "htdemucs": ["htdemucs"],
        "htdemucs_6s": ["htdemucs_6s"],
        "htdemucs_ft": [f"htdemucs_ft-{stem}" for stem in ("drums", "bass", "other", "vocals")],
    }[kind]
    prefix = {"htdemucs": "1", "htdemucs_ft": "2", "htdemucs_6s": "3"}[kind]
    files = sorted(folder.glob(f"{prefix * 7}*-*.th"))
    graphs = {}
    for name, path in zip(names, files, strict=True):
        graphs[name] = folder / f"{name}.onnx"
        convert({path.name: path}, graphs[name])
    return graphs


def material(seconds: float) -> F32:
    """Return synthetic music with noise below it, so that no segment is trivial."""
    hiss = np.random.default_rng(5).normal(size=(2, round(seconds * RATE))) * 0.01
    return (synthetic_song(seconds) + hiss).astype(np.float32)


def save(audio: F32, path: Path) -> Path:
    """Write FLAC of 24 bits."""
    soundfile.write(path, np.clip(audio, -1, 1).T, RATE, subtype="PCM_24")
    return path


def equality(folder: Path) -> Iterator[str]:
    """Compare whole tracks with `demucs.apply.apply_model`, and masks with a port in torch."""
    yield "| network | compared with | length s | `exact` dB | `balanced` dB | `fast` dB |"
    yield "|---|---|---|---|---|---|"
    for kind, seconds in (("htdemucs", 23.0), ("htdemucs_6s", 23.0), ("htdemucs_ft", 13.0)):
        graphs = random_graphs(folder, kind)
        path = save(material(seconds), folder / "song.flac")
        np.save(folder / "song.npy", read(path))
        reference("apply", folder, kind, folder / "song.npy", folder / "stems.npy")
        expected = np.load(folder / "stems.npy")
        row = []
        for precision in ("exact", "balanced", "fast"):
            out = folder / f"{kind}-{precision}"
            raw = {"format": "wav", "depth": "float32", "residual": "none"}
            job_run = ours(graphs, path, out, weights=kind, precision=precision, **raw)
            names = [stem["name"] for stem in job_run.report["result"]["stems"]]
            stems = np.stack([read(out / "outputs" / name) for name in names])
            row.append(f"{snr(expected, stems):.0f}")
        yield f"| {kind} | `demucs.apply`, torch fp32 | {seconds:.0f} | " + " | ".join(row) + " |"
        for stale in (*folder.glob("*.th"), *folder.glob("*.onnx")):
            stale.unlink()
    yield f"| spleeter-2stems | port in torch fp64 | 12 | {masks(folder):.0f} | – | – |"


def torch(folder: Path) -> Iterator[str]:
    """Compare the service's second engine with the graphs, on the same official files."""
    yield "| htdemucs, 23 s | SNR to the graph, dB | seconds | processor s | peak MiB |"
    yield "|---|---|---|---|---|"
    graphs = random_graphs(folder, "htdemucs")
    (file,) = folder.glob("1111111*.th")
    path = save(material(23.0), folder / "song.flac")
    audio = read(path)
    np.save(folder / "song.npy", audio)
    raw = {"format": "wav", "depth": "float32", "residual": "none"}
    job_run = ours(graphs, path, folder / "graph", weights="htdemucs", **raw)
    names = [stem["name"] for stem in job_run.report["result"]["stems"]]
    expected = np.stack([read(folder / "graph" / "outputs" / name) for name in names])
    yield _row(f"graph: {job_run.report['result']['engine']}", "–", job_run)
    peaks = []
    for batch in (1, 2):
        out = folder / f"torch-{batch}"
        out.mkdir()
        request = {"files": {"htdemucs": str(file)}, "audio": str(folder / "song.npy")}
        request |= {"out": str(out), "weights": "htdemucs", "share": 1.0, "batch": batch}
        command = [reference_python("separation"), "-m", "tests.separation.torch_job"]
        job_run = run([*command, json.dumps(request)])
        stems = np.stack([read(out / "outputs" / name) for name in names])
        peaks.append(job_run.peak_mib)
        title = f"{job_run.report['engine']}, {batch} at once"
        yield _row(title, f"{snr(expected, stems):.0f}", job_run)
    yield ""
    yield (
        f"One more segment at once takes {peaks[1] - peaks[0]:.0f} MiB: on a GPU as many are taken "
        "as fit its free memory, eight at most, and one on a CPU."
    )


def _row(title: str, decibels: str, job_run: Run) -> str:
    seconds = [
        f"{job_run.seconds:.1f}",
        f"{job_run.processor_seconds:.1f}",
        f"{job_run.peak_mib:.0f}",
    ]
    return f"| {title} | {decibels} | " + " | ".join(seconds) + " |"


def masks(folder: Path) -> float:
    """Return how well Spleeter's masked magnitudes agree with the port's, in dB."""
    graph = spleeter_graph()["spleeter-2stems"]
    store = open_store(KitSettings())
    (weights,) = (
        entry
        for entry in read_manifest(ROOT / "services" / "separation" / "weights.toml").weights
        if entry.name == "spleeter-2stems"
    )
    np.savez(folder / "variables.npz", **read_tensorflow(store.folder(weights) / "model"))
    window = synthetic_song(12.0)[:, : 511 * HOP + SIZE]
    magnitude = np.abs(stft(window, hann(SIZE), HOP)[..., :1024])[None]
    np.save(folder / "magnitude.npy", magnitude)
    reference("masks", folder / "variables.npz", folder / "magnitude.npy", folder / "masks.npy")
    estimate = open_network(graph, threads=2).run({"magnitude": magnitude})["masks"]
    return snr(np.load(folder / "masks.npy") * magnitude, estimate * magnitude)


def quality(data: Path | None, folder: Path) -> Iterator[str]:
    """Score the light separator on mixtures with true stems."""
    if data is None:
        yield "(No recordings: set CRATEDIG_TEST_DATA.)"
        return
    graphs = spleeter_graph()
    yield (
        "| SI-SDR in dB | vocals: mixture | upstream's way | ours "
        "| accompaniment: mixture | upstream's way | ours | rank correlation of confidence |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    columns: list[list[float]] = []
    quiet: list[tuple[float, float]] = []
    for path in sorted((data / "separation").glob("*/*/mixture.flac")):
        mixture, voice = read(path), read(path.with_name("vocals.flac"))
        truth = (voice, mixture - voice)
        row: list[float] = []
        out = folder / path.parent.name
        raw = {"format": "wav", "depth": "float32", "residual": "none"}
        job_run = ours(graphs, path, out, weights="spleeter-2stems", **raw)
        stems = [read(out / "outputs" / f"{name}.wav") for name in ("vocals", "accompaniment")]
        upstream = upstream_way(graphs["spleeter-2stems"], mixture)
        for true, our_stem, upstream_stem in zip(truth, stems, upstream, strict=True):
            row += [si_sdr(true, mixture), si_sdr(true, upstream_stem), si_sdr(true, our_stem)]
        confidences = [stem["seconds"] for stem in job_run.report["result"]["stems"]]
        row.append(ranks(truth, stems, confidences))
        columns.append(row)
        quiet.append(quieter(mixture, voice, graphs, folder))
        yield f"| {path.parent.name} | " + " | ".join(f"{x:.2f}" for x in row) + " |"
    means = [statistics.fmean(column) for column in zip(*columns, strict=True)]
    yield "| **mean** | " + " | ".join(f"**{x:.2f}**" for x in means) + " |"
    theirs, mine = (statistics.fmean(column) for column in zip(*quiet, strict=True))
    yield ""
    yield (
        f"The same recorded {-QUIETER_DB} dB quieter, mean SI-SDR of vocals: upstream's way "
        f"{theirs:.2f} dB, ours **{mine:.2f} dB**: every track is brought to the level of mastered "
        "music first, and back afterwards."
    )


def quieter(mixture: F32, voice: F32, graphs: dict[str, Path], folder: Path) -> tuple[float, float]:
    """Return SI-SDR of vocals in a quiet recording, upstream's way and ours."""
    soft = mixture * np.float32(10 ** (QUIETER_DB / 20))
    path = folder / "quiet.flac"
    soundfile.write(path, soft.T, RATE, subtype="PCM_24")
    ours(graphs, path, folder / "quiet", format="wav", depth="float32")
    theirs = upstream_way(graphs["spleeter-2stems"], soft)[0]
    mine = read(folder / "quiet" / "outputs" / "vocals.wav")
    return si_sdr(voice, theirs), si_sdr(voice, mine)


def upstream_way(graph: Path, mixture: F32) -> F32:
    """Separate as upstream does: the whole track's transform, silence above 11 kHz, no overlap."""
    network = open_network(graph, threads=2)
    window, count = hann(SIZE), mixture.shape[1]
    stereo = mixture if mixture.shape[0] == 2 else np.repeat(mixture, 2, axis=0)
    frames = -(-(count + SIZE) // HOP)
    padded = np.zeros((2, (frames - 1) * HOP + SIZE), np.float32)
    padded[:, SIZE : SIZE + count] = stereo
    spectrum = stft(padded, window, HOP)
    output = np.zeros((2, *padded.shape), np.float64)
    for start in range(0, frames, 512):
        part = spectrum[:, start : start + 512]
        magnitude = np.zeros((1, 2, 512, 1024), np.float32)
        magnitude[0, :, : part.shape[1]] = np.abs(part[..., :1024])
        network_masks = network.run({"magnitude": magnitude})["masks"][:, :, : part.shape[1]]
        masked = np.zeros((2, *part.shape), np.complex64)
        masked[..., :1024] = network_masks * part[..., :1024]
        for index in range(part.shape[1]):
            at = (start + index) * HOP
            output[..., at : at + SIZE] += np.fft.irfft(masked[:, :, index]) * window
    output = output[..., SIZE : SIZE + count] * (2 / 3)
    return output.astype(np.float32)[:, : mixture.shape[0]]


def ranks(
    truth: Sequence[F32], stems: Sequence[F32], confidences: Sequence[Sequence[float]]
) -> float:
    """Return the rank correlation of our confidence with the true ratio, over all seconds."""
    confidence, ratio = [], []
    for true, estimate, seconds in zip(truth, stems, confidences, strict=True):
        for index, value in enumerate(seconds):
            part = slice(index * RATE, (index + 1) * RATE)
            error = np.square(true[:, part] - estimate[:, part]).sum() + 1e-12
            if value and part.stop <= true.shape[1]:
                confidence.append(value)
                ratio.append(float(np.square(true[:, part]).sum() / error))
    confidence_ranks, ratio_ranks = (
        np.argsort(np.argsort(values)) for values in (confidence, ratio)
    )
    return float(np.corrcoef(confidence_ranks, ratio_ranks)[0, 1])


def speed(folder: Path, rounds: int) -> Iterator[str]:
    """Time whole songs against the `demucs` command, turn by turn, each in a fresh process.

    Both are timed by the clock and by the processor: the first is what a user waits for, the
    second hardly depends on what else the machine does.
    """
    graphs = random_graphs(folder, "htdemucs")
    path = save(material(SONG_SECONDS), folder / "song.flac")
    python = reference_python("separation")
    demucs = [python, "-m", "demucs", "-n", "htdemucs", "--repo", folder, "-d", "cpu"]
    demucs += ["--shifts", "0", "--int24", "-o", folder / "demucs", path]
    threads = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    turns: dict[str, list[Run]] = {}
    for turn in range(rounds):
        turns.setdefault("demucs command", []).append(run(demucs, threads))
        turns.setdefault("the same, tuned allocator", []).append(run(demucs, threads | TUNED))
        for precision in ("exact", "balanced", "fast"):
            out = folder / f"{precision}-{turn}"
            job_run = ours(graphs, path, out, weights="htdemucs", precision=precision)
            turns.setdefault(f"ours, {precision}", []).append(job_run)
    base, tuned = turns["demucs command"], turns["the same, tuned allocator"]
    yield (
        f"| htdemucs, {SONG_SECONDS} s of stereo, 2 threads | median s | × real time | "
        "processor s | ÷ demucs, clock | processor | ÷ tuned, clock | processor | peak MiB |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    split = [
        "| of which, s | load | network | transforms | decode, encode, rest |",
        "|" + "---|" * 5,
    ]
    for name, runs in turns.items():
        median = statistics.median(timed.seconds for timed in runs)
        row = [f"{median:.1f}", f"{SONG_SECONDS / median:.1f}"]
        row.append(f"{statistics.median(timed.processor_seconds for timed in runs):.1f}")
        for other in (base, tuned):
            for field in ("seconds", "processor_seconds"):
                pairs = zip(runs, other, strict=True)
                ratios = [getattr(a, field) / getattr(b, field) for a, b in pairs]
                row.append(f"{statistics.median(ratios):.2f}")
        row.append(f"{max(timed.peak_mib for timed in runs):.0f}")
        yield f"| {name} | " + " | ".join(row) + " |"
        if runs[0].report:
            times = [
                f"{statistics.median(timed.report[part] for timed in runs):.1f}"
                for part in ("load", "network", "transforms", "rest")
            ]
            split.append(f"| {name} | " + " | ".join(times) + " |")
    yield ""
    yield from split
    yield ""
    yield (
        f"Whole processes from start to end, medians of {rounds} interleaved rounds; "
        f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}; "
        f"load average of the machine at the end {os.getloadavg()[2]:.1f}."
    )


def memory(folder: Path, minutes: Sequence[int]) -> Iterator[str]:
    """Show that the light separator's memory does not grow with length, and its speed."""
    yield (
        "| spleeter-2stems | seconds | × real time | of them the job, s | × real time "
        "| processor s | × real time on 2 processors at most | peak MiB |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    minute = material(60.0)
    for length in minutes:
        path = folder / f"{length}.flac"
        with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_24") as file:
            for _ in range(length):
                file.write(np.clip(minute, -1, 1).T)
        job_run = ours(spleeter_graph(), path, folder / f"{length}", weights="spleeter-2stems")
        shutil.rmtree(folder / f"{length}")
        row = []
        for seconds in (job_run.seconds, job_run.report["seconds"]):
            row += [f"{seconds:.1f}", f"{length * 60 / seconds:.0f}"]
        used = job_run.processor_seconds
        row += [f"{used:.1f}", f"{length * 60 * 2 / used:.0f}", f"{job_run.peak_mib:.0f}"]
        yield f"| {length} minutes | " + " | ".join(row) + " |"
    yield ""
    yield (
        "The whole process with starting Python and compiling the graph, which a worker does once; "
        "then the job alone: decoding, separating, encoding, previews left out. Load average of "
        f"the machine at the end {os.getloadavg()[0]:.1f}."
    )


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.separation", description=__doc__)
    parser.add_argument("--data", type=Path, default=test_data(), help="mixtures with true stems")
    parser.add_argument("--only", choices=PARTS, action="append", help="leave the others out")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of the comparison")
    parser.add_argument("--no-hour", action="store_true", help="leave the hour of audio out")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    for part in args.only or (("memory",) if SMALLEST else PARTS):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            match part:
                case "equality":
                    lines = equality(folder)
                case "torch":
                    lines = torch(folder)
                case "quality":
                    lines = quality(args.data, folder)
                case "speed":
                    lines = speed(folder, args.rounds)
                case _:
                    lines = memory(folder, (1,) if SMALLEST else (4,) if args.no_hour else (4, 60))
            printed = []
            for line in lines:
                print(line, flush=True)
                printed.append(line)
        print(flush=True)
        if args.write:
            write_figures(README, "\n".join(printed), name=part)


if __name__ == "__main__":
    main(sys.argv[1:])
