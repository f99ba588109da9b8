"""What services/transcribe/README.md claims: word errors, word starts, inventions, cost.

    python -m benchmarks.transcribe [--full] [--write]

Beside openai-whisper, with its command line's settings, on the same weights, which are converted
back to its own format, and on the same audio: songs are separated by the light separator first,
as the pipeline does it, and we hear the song beside its stem. The short run leaves the longest
songs out, and most of the recordings in which nobody sings.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from benchmarks.environments import (
    ROOT,
    few,
    reference_python,
    test_data,
    write_figures,
)
from benchmarks.midi import Peer, peer
from benchmarks.transcribe_cases import (
    QUICK,
    Case,
    aligned,
    canonical,
    cases,
    instrumentals,
    plain,
    unsung,
)
from benchmarks.transcribe_weights import write_npz
from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.separation import SeparationParams
from contracts.transcribe import TranscribeParams
from kit.audio.decode import read
from kit.service import WorkerService, resolve
from kit.settings import KitSettings, child_environment
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from kit.worker.job import Job
from kit.worker.outcomes import Skipped
from services.transcribe.lines import RATE
from tests.support.single_job import audio_input, single_job

README = ROOT / "services" / "transcribe" / "README.md"
THREADS = 2
MATCHED_S = 1.0
WEIGHTS = "whisper-base"
THEIR_SETTINGS = {"beam_size": 5, "best_of": 5}
"""Those of their command line that their function has not by default."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """A transcription by one of the two programs."""

    words: list[str]
    starts: list[float]
    seconds: float
    language: str = "–"
    megabytes: float = 0.0
    """Peak memory of its process so far."""


def weights_of(word: str) -> tuple[WorkerService, dict[str, Path]]:
    """Return a service, and its weights of the store."""
    service: WorkerService = resolve(f"services.{word}.service:SERVICE")
    assert service.weights is not None
    return service, open_store(KitSettings()).verified(read_manifest(service.weights))


def engine_of(word: str) -> tuple[WorkerService, Any]:
    """Return a service and its engine, loaded."""
    service, weights = weights_of(word)
    return service, resolve(service.engine)(EngineContext(weights=weights, threads=THREADS))


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
    return {
        str(output.stem): output.path for output in job.outputs if output.kind is ArtifactKind.STEM
    }


def lyrics_of(
    path: Path,
    folder: Path,
    service: WorkerService,
    engine: Any,
    params: TranscribeParams,
    stem: Stem | None = Stem.VOCALS,
    song: Path | None = None,
) -> dict[str, Any]:
    """Return lyrics.json; without lines when there was nothing to write."""
    folder.mkdir()
    inputs = [audio_input(path, stem=stem), *([audio_input(song)] if song else [])]
    job = single_job(folder, inputs)
    if run(job, params, service, engine) is None:
        return {"lines": [], "removed": []}
    lyrics: dict[str, Any] = json.loads(
        next(o.path for o in job.outputs if o.name == "lyrics.json").read_text(encoding="utf-8")
    )
    return lyrics


def words_of(words: Iterable[tuple[str, float]]) -> tuple[list[str], list[float]]:
    """Return the words as compared, and when each begins."""
    pairs = [(part, start) for text, start in words for part in plain(text)]
    return [text for text, _ in pairs], [start for _, start in pairs]


def ours(
    path: Path,
    folder: Path,
    service: WorkerService,
    engine: Any,
    stem: Stem | None,
    song: Path | None = None,
) -> Transcription:
    """Run a whole job: decode, transcribe, filter hallucinations, correct starts, write."""
    began = time.perf_counter()
    lyrics = lyrics_of(path, folder, service, engine, TranscribeParams(), stem, song)
    seconds = time.perf_counter() - began
    words, starts = words_of(
        (word["text"], word["start"]) for line in lyrics["lines"] for word in line["words"]
    )
    return Transcription(words, starts, seconds, lyrics.get("language", "–"))


def theirs(path: Path, folder: Path, reference: Peer) -> Transcription:
    """Ask openai-whisper; its time begins when the audio is in memory."""
    wave = folder / "theirs.wav"
    soundfile.write(wave, read(path, RATE, mono=True)[0], RATE, subtype="FLOAT")
    answer = reference.ask(path=str(wave), language=None, options=THEIR_SETTINGS)
    words, starts = words_of((text, start) for text, start in answer["words"])
    return Transcription(
        words, starts, answer["seconds"], answer["language"], megabytes=answer["rss_mb"]
    )


def late_starts(case: Case, transcription: Transcription) -> list[float]:
    """Return how late each correctly transcribed word begins; pairs too far apart do not count."""
    if not case.starts:
        return []
    _, pairs = aligned(case.words, transcription.words)
    late = [transcription.starts[j] - case.starts[i] for i, j in pairs]
    return [error for error in late if abs(error) < MATCHED_S]


class Totals:
    """Sums over the recordings of one kind."""

    def __init__(self) -> None:
        self.words = 0
        self.edits = [0, 0, 0]
        self.late: tuple[list[float], ...] = ([], [], [])

    def add(self, case: Case, all_three: Sequence[Transcription]) -> None:
        """Add one recording: by us, by us on its stem alone, and by openai-whisper."""
        self.words += len(case.words)
        for number, transcription in enumerate(all_three):
            self.edits[number] += aligned(case.words, transcription.words)[0]
            self.late[number].extend(late_starts(case, transcription))

    def row(self, name: str) -> str:
        """Return a row of the table."""
        wer = " | ".join(f"{edits / self.words:.3f}" for edits in self.edits)
        return (
            f"| {name} | | {self.words} | {wer} |"
            f" {_errors(self.late[0])} | {_errors(self.late[2])} | |"
        )


class Bench:
    """Both programs, and the separator that feeds them."""

    def __init__(self, reference: Peer, scratch: Path) -> None:
        self.reference = reference
        self.scratch = scratch
        self.service, self.engine = engine_of("transcribe")
        self.separation, self.separator = engine_of("separation")
        self.spent: list[tuple[float, float, float]] = []
        self.memory = 0.0

    def both(
        self, path: Path, folder: Path, stem: Stem | None, song: Path | None = None
    ) -> tuple[Transcription, Transcription]:
        """Transcribe the same audio with both; we hear the song of a stem, too."""
        return (
            ours(path, folder / "ours", self.service, self.engine, stem, song),
            theirs(path, folder, self.reference),
        )

    def sung(self, data: Path, *, full: bool) -> Iterator[str]:
        """Measure recordings whose words are known."""
        yield (
            "| recording | language | words | WER | WER, stem alone | WER, openai-whisper |"
            " starts: median, and median distance, s | starts, openai-whisper | time ÷ theirs |"
        )
        yield "|---|---|---|---|---|---|---|---|---|"
        totals = {"speech": Totals(), "songs": Totals()}
        for number, case in enumerate(few(cases(data))):
            if not full and case.material == "songs" and case.name not in QUICK:
                continue
            place = self.scratch / f"case-{number}"
            place.mkdir()
            mix = voice = canonical(case.path, place / "mix.flac", case.until)
            if is_song := case.material == "songs":
                voice = stems(mix, place / "stems", self.separation, self.separator)["vocals"]
            if not self.spent:
                # The first turn warms caches and compilers up and is not counted.
                warm = place / "warm"
                warm.mkdir()
                self.memory = self.both(voice, warm, Stem.VOCALS)[1].megabytes
            results = self.both(voice, place, Stem.VOCALS, mix if is_song else None)
            alone = (
                ours(voice, place / "alone", self.service, self.engine, Stem.VOCALS)
                if is_song
                else results[0]
            )
            three = (results[0], alone, results[1])
            wer = [aligned(case.words, each.words)[0] / len(case.words) for each in three]
            if case.material in totals:
                totals[case.material].add(case, three)
            late = [late_starts(case, result) for result in results]
            self.spent.append(
                (
                    results[0].seconds,
                    results[1].seconds,
                    soundfile.info(voice).duration,
                )
            )
            yield (
                f"| {case.name.replace('_', ' ')} | {results[0].language} | {len(case.words)} |"
                f" {' | '.join(f'{each:.3f}' for each in wer)} |"
                f" {_errors(late[0])} | {_errors(late[1])} |"
                f" {results[0].seconds / results[1].seconds:.2f} |"
            )
        for name, total in totals.items():
            yield total.row(f"all {name}")

    def silent(self, data: Path, *, full: bool) -> Iterator[str]:
        """Measure recordings in which nobody sings."""
        yield "| nobody sings | s | words | words, openai-whisper |"
        yield "|---|---|---|---|"
        sums = [0, 0]
        instrumental = few(instrumentals(data, self.scratch))
        instrumental += unsung(data, self.scratch) if full else ()
        for name, seconds, place in instrumental:
            band = place / "band.flac"
            vocals = stems(band, place / "stems", self.separation, self.separator)
            for what, path, stem, song in (
                ("all instruments", band, None, None),
                ("their `vocals` stem", vocals["vocals"], Stem.VOCALS, band),
            ):
                folder = place / what.split()[0]
                folder.mkdir()
                us, them = self.both(path, folder, stem, song)
                counts = (len(us.words), len(them.words))
                sums = [a + b for a, b in zip(sums, counts, strict=True)]
                row = " | ".join(str(count) for count in counts)
                yield f"| {name}, {what} | {seconds:.0f} | {row} |"
        yield f"| all {2 * len(instrumental)} | | {' | '.join(str(count) for count in sums)} |"


def _errors(late: list[float]) -> str:
    if not late:
        return "–"
    return f"{np.median(late):+.3f}, {np.median(np.abs(late)):.3f}"


def _peak_mb() -> float:
    """Return the peak memory of a process that transcribes the synthetic song once."""
    code = (
        "from pathlib import Path;from tempfile import mkdtemp\n"
        "from benchmarks.transcribe import *\n"
        "from benchmarks.environments import _peak_mb\n"
        "s,e=engine_of('transcribe');p=Path(mkdtemp())\n"
        "lyrics_of(ROOT/'examples/song/voice.flac',p/'x',s,e,TranscribeParams())\n"
        "print(_peak_mb())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return float(done.stdout.split()[-1])


def main() -> int:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transcribe")
    parser.add_argument("--full", action="store_true", help="all recordings; takes long")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args()
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder that holds them")
        return 1
    script = ROOT / "benchmarks" / "transcribe_reference.py"
    rows: list[str] = []
    with TemporaryDirectory() as directory:
        scratch = Path(directory)
        npz = scratch / "weights.npz"
        write_npz(weights_of("transcribe")[1][WEIGHTS], npz)
        with peer(reference_python("transcribe"), script, npz, str(THREADS)) as reference:
            # As in the child of a worker; what it is compared with has been started without.
            os.environ.update(child_environment(THREADS))
            bench = Bench(reference, scratch)
            for part in (bench.sung, bench.silent):
                for row in part(data, full=args.full):
                    print(row, file=sys.stderr, flush=True)
                    rows.append(row)
                rows.append("")
    us, them, audio = (sum(column) for column in zip(*bench.spent, strict=True))
    each = [a / b for a, b, _ in bench.spent]
    rows.append(
        f"Time ÷ openai-whisper's: **{us / them:.2f}** ({min(each):.2f} to {max(each):.2f} over "
        f"the recordings with words); {audio / us:.1f} × real time, with {THREADS} threads of "
        f"{platform.machine()} at a load of {os.getloadavg()[0]:.0f} (seconds are only worth "
        f"something at a load of 2 or less). Peak memory of a process that transcribes "
        f"the synthetic song {_peak_mb():.0f} MB; openai-whisper's {bench.memory:.0f} MB."
    )
    text = "\n".join(rows)
    print(text)
    if args.write:
        write_figures(README, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
