"""What services/transcribe/README.md claims: word errors, word starts, inventions, cost.

    python -m benchmarks.transcribe [--write]

Songs are separated by the light separator first, as the pipeline does it. The same network is
measured without the guard and without the correction of starts, so that each shows what it does.
"""

import argparse
import csv
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from benchmarks.environments import ROOT, test_data, write_figures
from contracts.music import Stem
from contracts.separation import SeparationParams
from contracts.transcribe import TranscribeParams
from kit.audio.encode import Encoder
from kit.service import WorkerService, resolve
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import Store
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from kit.worker.outcomes import Skipped
from services.transcribe.engine import Hearing
from services.transcribe.lines import RATE, Float, Segment
from tests.support.single_job import audio_input, single_job

README = ROOT / "services" / "transcribe" / "README.md"
THREADS = 2
MATCHED_S = 1.0
RAW = TranscribeParams(keep_doubtful=True, correct_starts=False)


@dataclass(frozen=True, slots=True)
class Case:
    """A recording whose words are known; of songs, with the time at which each begins."""

    name: str
    material: str
    path: Path
    language: str
    words: tuple[str, ...]
    starts: tuple[float, ...] = ()


@dataclass(slots=True)
class Remembering:
    """A network that hears the same audio once: only what is done with it afterwards differs."""

    hearing: Hearing
    heard: float = 0.0
    spent: float = 0.0
    _known: dict[bytes, list[Segment]] = field(default_factory=dict)
    _told: dict[bytes, Mapping[str, float]] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """What runs the network."""
        return self.hearing.description

    @property
    def weights(self) -> str:
        """Which network."""
        return self.hearing.weights

    @property
    def languages(self) -> frozenset[str]:
        """Codes of what it understands."""
        return self.hearing.languages

    def open(self, weights: str) -> Hearing:
        """Return this."""
        return self

    def tell_language(self, audio: Float) -> Mapping[str, float]:
        """Return the probability of each language."""
        key = sha256(audio.tobytes()).digest()
        if key not in self._told:
            began = time.perf_counter()
            self._told[key] = self.hearing.tell_language(audio)
            self.spent += time.perf_counter() - began
        return self._told[key]

    def hear(self, audio: Float, *, language: str, beam: int) -> list[Segment]:
        """Return what is said."""
        key = sha256(f"{language} {beam} ".encode() + audio.tobytes()).digest()
        if key not in self._known:
            began = time.perf_counter()
            self._known[key] = self.hearing.hear(audio, language=language, beam=beam)
            self.spent += time.perf_counter() - began
            self.heard += len(audio) / RATE
        return self._known[key]


def plain(text: str) -> list[str]:
    """Return words as they are compared: lower case, without punctuation."""
    return re.sub(r"[^\w' ]", " ", text.casefold().replace("’", "'")).replace("_", " ").split()


def aligned(truth: Sequence[str], heard: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """Return the word edit distance, and the pairs of equal words on the best path."""
    cost = np.zeros((len(truth) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(truth) + 1), np.arange(len(heard) + 1)
    for i, word in enumerate(truth, 1):
        for j, other in enumerate(heard, 1):
            step = cost[i - 1, j - 1] + (word != other)
            cost[i, j] = min(step, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs, i, j = [], len(truth), len(heard)
    while i and j:
        if truth[i - 1] == heard[j - 1] and cost[i, j] == cost[i - 1, j - 1]:
            pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j - 1] + 1:
            i, j = i - 1, j - 1
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(cost[-1, -1]), pairs[::-1]


def cases(data: Path) -> Iterator[Case]:
    """Yield the recordings that are there."""
    song = ROOT / "embedded" / "song"
    truth = json.loads((song / "truth.json").read_text(encoding="utf-8"))
    text = " ".join(line["text"] for line in truth["lyrics"])
    yield Case("synthetic", "synthetic", song / "voice.flac", "en", tuple(plain(text)))
    speech = data / "speech"
    text = (speech / "jfk.txt").read_text(encoding="utf-8")
    yield Case("jfk", "speech", speech / "jfk.flac", "en", tuple(plain(text)))
    with (speech / "sonnet1.lines.csv").open(encoding="utf-8") as file:
        text = " ".join(row["text"] for row in csv.DictReader(file))
    # The reader says the number that is printed as a digit.
    text = text.replace('"', "")
    yield Case("sonnet1", "speech", speech / "sonnet1.mp3", "en", tuple(plain(text)))
    for folder in sorted((data / "vocals_lyrics").glob("*/shared/*")):
        yield from _song(folder)


def _song(folder: Path) -> Iterator[Case]:
    audio = next((p for p in folder.iterdir() if p.stem == "audio"), None)
    table = folder / "words.csv"
    if audio is None or not table.is_file():
        return
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    language = "en"
    if "word_start" in rows[0]:
        texts = (folder / "lyrics.words.txt").read_text(encoding="utf-8").split("\n")
        texts = [text for text in texts if text.strip()]
        starts = [float(row["word_start"]) for row in rows]
        told = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        language = _language(told)
    else:
        texts, starts = [row["word"] for row in rows], [float(row["start"]) for row in rows]
    words: list[str] = []
    times: list[float] = []
    for text, start in zip(texts, starts, strict=False):
        for word in plain(text):
            words.append(word)
            times.append(start)
    yield Case(folder.name, "songs", audio, language, tuple(words), tuple(times))


def _language(told: dict[str, Any]) -> str:
    named = str(told.get("language", told.get("Language", "English"))).casefold()
    return {"english": "en", "french": "fr", "german": "de", "spanish": "es"}.get(named, named[:2])


def engine_of(word: str) -> tuple[WorkerService, Any]:
    """Return a service and its engine, loaded."""
    service: WorkerService = resolve(f"services.{word}.service:SERVICE")
    assert service.weights is not None
    weights = Store(KitSettings().weights_dir).verified(read_manifest(service.weights))
    return service, resolve(service.engine)(EngineContext(weights=weights, threads=THREADS))


def canonical(source: Path, target: Path) -> Path:
    """Write a recording as ingest would."""
    audio, rate = soundfile.read(source, dtype="float32", always_2d=True)
    scale = max(1.0, float(np.abs(audio).max()))
    with Encoder(target, rate, channels=audio.shape[1]) as encoder:
        encoder.write(np.ascontiguousarray(audio.T / scale))
    return target


def run(job: Job, params: Any, service: WorkerService, engine: Any) -> Any:
    """Run one job; `None` when it was skipped."""
    try:
        return resolve(service.handler)(params, job, engine)
    except Skipped:
        return None


def stems(path: Path, folder: Path, service: WorkerService, engine: Any) -> dict[str, Path]:
    """Return the stems of the light separator by name."""
    folder.mkdir()
    job = single_job(folder, [audio_input(path)])
    run(job, SeparationParams(), service, engine)
    return {str(output.stem): output.path for output in job.outputs if output.stem}


def lyrics_of(
    path: Path,
    folder: Path,
    service: WorkerService,
    engine: Any,
    params: TranscribeParams,
    stem: Stem | None = Stem.VOCALS,
) -> dict[str, Any]:
    """Return lyrics.json; without lines when there was nothing to write."""
    folder.mkdir()
    job = single_job(folder, [audio_input(path, stem=stem)])
    if run(job, params, service, engine) is None:
        return {"lines": [], "removed": []}
    found: dict[str, Any] = json.loads(
        next(o.path for o in job.outputs if o.name == "lyrics.json").read_text(encoding="utf-8")
    )
    return found


def instrumentals(data: Path, scratch: Path) -> Iterator[tuple[str, float, Path]]:
    """Yield songs without their voice, from true stems, as `band.flac` in a folder each."""
    for folder in sorted((data / "separation").glob("*/*")):
        parts = [soundfile.read(folder / f"{name}.flac") for name in ("drums", "bass", "other")]
        rate = parts[0][1]
        place = scratch / f"instrumental-{folder.name}"
        place.mkdir()
        band = sum(audio for audio, _ in parts)
        soundfile.write(place / "sum.wav", band, rate, subtype="FLOAT")
        canonical(place / "sum.wav", place / "band.flac")
        yield folder.name, len(band) / rate, place


def words_of(lyrics: dict[str, Any]) -> tuple[list[str], list[float]]:
    """Return the words as compared, and when each begins."""
    words, starts = [], []
    for line in lyrics["lines"]:
        for word in line["words"]:
            for part in plain(word["text"]):
                words.append(part)
                starts.append(word["start"])
    return words, starts


def start_errors(case: Case, lyrics: dict[str, Any]) -> list[float]:
    """Return how late each rightly heard word begins; those far away are other words."""
    heard, starts = words_of(lyrics)
    _, pairs = aligned(case.words, heard)
    late = [starts[j] - case.starts[i] for i, j in pairs]
    return [error for error in late if abs(error) < MATCHED_S]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transcribe")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    asked = parser.parse_args()
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder that holds them")
        return 1
    rows = [
        "| recording | language | words | WER | without the guard | starts: median, and median"
        " distance, s | uncorrected |",
        "|---|---|---|---|---|---|---|",
    ]
    late: tuple[list[float], list[float]] = ([], [])
    service, networks = engine_of("transcribe")
    engine = Remembering(networks.open("whisper-base"))
    separation, separator = engine_of("separation")
    with TemporaryDirectory() as scratch:
        for number, case in enumerate(cases(data)):
            place = Path(scratch) / str(number)
            place.mkdir()
            voice = canonical(case.path, place / "mix.flac")
            if case.material == "songs":
                voice = stems(voice, place / "stems", separation, separator)["vocals"]
            guarded = lyrics_of(voice, place / "a", service, engine, TranscribeParams())
            plainly = lyrics_of(voice, place / "b", service, engine, RAW)
            both = (guarded, plainly)
            wer = [aligned(case.words, words_of(one)[0])[0] / len(case.words) for one in both]
            errors = [start_errors(case, one) if case.starts else [] for one in both]
            for kept, new in zip(late, errors, strict=True):
                kept += new
            rows.append(
                f"| {case.name.replace('_', ' ')} | {guarded.get('language', '–')} |"
                f" {len(case.words)} | {wer[0]:.3f} | {wer[1]:.3f} |"
                f" {_errors(errors[0])} | {_errors(errors[1])} |"
            )
            print(rows[-1], file=sys.stderr, flush=True)
        rows.append(f"| all songs | | | | | {_errors(late[0])} | {_errors(late[1])} |")
        speed = f"{engine.heard / engine.spent:.1f}"
        rows += ["", "| nobody sings | seconds | words written | without the guard |"]
        rows.append("|---|---|---|---|")
        for name, seconds, place in instrumentals(data, Path(scratch)):
            parts = stems(place / "band.flac", place / "stems", separation, separator)
            for what, path, stem in (
                ("all instruments", place / "band.flac", None),
                ("their `vocals` stem", parts["vocals"], Stem.VOCALS),
            ):
                folder = place / what.split()[0]
                folder.mkdir()
                got = [
                    len(words_of(lyrics_of(path, folder / mark, service, engine, params, stem))[0])
                    for mark, params in (("a", TranscribeParams()), ("b", RAW))
                ]
                rows.append(f"| {name}, {what} | {seconds:.0f} | {got[0]} | {got[1]} |")
                print(rows[-1], file=sys.stderr, flush=True)
    load = os.getloadavg()[0]
    text = "\n".join(
        [
            *rows,
            "",
            f"{speed} × real time on the recordings above, with {THREADS} threads of "
            f"{platform.machine()} at a load of {load:.0f} (seconds are only worth something at "
            f"a load of 2 or less); peak memory of a process that takes the words of the "
            f"synthetic song {_peak_mb():.0f} MB.",
        ]
    )
    print(text)
    if asked.write:
        write_figures(README, text)
    return 0


def _errors(late: list[float]) -> str:
    if not late:
        return "–"
    return f"{np.median(late):+.3f}, {np.median(np.abs(late)):.3f}"


def _peak_mb() -> float:
    """Return the peak memory of a process that takes the words of the synthetic song once."""
    code = (
        "import resource;from pathlib import Path;from tempfile import mkdtemp\n"
        "from benchmarks.transcribe import *\n"
        "s,e=engine_of('transcribe');p=Path(mkdtemp())\n"
        "lyrics_of(ROOT/'embedded/song/voice.flac',p/'x',s,e,TranscribeParams())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    sys.exit(main())
