"""Tempo of loops, beats, downbeats and metre, compared with the service of an earlier commit.

`python -m benchmarks.rhythm` prints the figures; `--write` also puts them into the analysis
service's README. `--before` names the earlier commit. Scores of beats are mir_eval's.
"""

import argparse
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.analysis import OCTAVES, right
from benchmarks.analysis_cases import Case, drum_tracks, loops, mixes, varispeed
from benchmarks.environments import (
    ROOT,
    SMALLEST,
    few,
    reference_python,
    test_data,
    write_figures,
)
from benchmarks.midi import Peer, peer
from benchmarks.rhythm_cases import (
    fluidsynth,
    generated_loops,
    pieces_in_metres,
    tempo_changes,
)
from tests.support.single_job import write_audio

BEFORE = "01c4b3d9"
"""The last commit at which bars came from kick, snare and harmony alone."""
LOOPS = 48
EACH = 4
EXACT = 0.005
"""A tempo that agrees with a loop's length is right within half a percent."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both answers to one case."""

    case: Case
    now: dict[str, Any]
    before: dict[str, Any]


@contextmanager
def earlier_tree(commit: str) -> Iterator[Path]:
    """Write the files of a commit to a temporary folder."""
    packed = subprocess.run(
        ["git", "archive", commit, "contracts", "kit", "services", "tests"],
        check=True,
        capture_output=True,
        cwd=ROOT,
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


@contextmanager
def compared(commit: str, script: str, cases: Sequence[Case]) -> Iterator[tuple[Peer, list[Pair]]]:
    """Give mir_eval as a judge, and the answers of both services to each case.

    Parameters
    ----------
    commit
        Whose service answers beside that of this tree.
    script
        The file among the benchmarks that answers for the service which it imports.
    """
    answers = ROOT / "benchmarks" / script
    with (
        tempfile.TemporaryDirectory() as scratch,
        earlier_tree(commit) as earlier,
        peer(reference_python("analysis"), ROOT / "benchmarks" / "analysis_reference.py") as judge,
        peer("env", f"PYTHONPATH={ROOT}", sys.executable, answers) as now,
        peer("env", f"PYTHONPATH={earlier}", sys.executable, answers) as before,
    ):
        yield judge, list(_answer_pairs(cases, Path(scratch), now, before))


def _answer_pairs(cases: Sequence[Case], folder: Path, now: Peer, before: Peer) -> Iterator[Pair]:
    for number, case in enumerate(cases):
        path = write_audio(folder / f"{number}.flac", case.audio[None], case.rate)
        request = {"path": str(path), "loop": case.loop}
        yield Pair(case, now.ask(**request), before.ask(**request))
        path.unlink()


Scorer = Callable[[Case, dict[str, Any]], float | None]
"""Scores an answer to a case, 0 to 1; `None` if the case has no truth for it."""


def table(title: str, pairs: Sequence[Pair], score: Scorer) -> Iterator[str]:
    """Yield a Markdown table of means by group, with the mean paired difference."""
    yield f"| {title} | n | now | before | difference ± standard error |"
    yield "|---|---|---|---|---|"
    for group in dict.fromkeys(pair.case.group for pair in pairs):
        scored = [
            (first, second)
            for pair in pairs
            if pair.case.group == group
            and (first := score(pair.case, pair.now)) is not None
            and (second := score(pair.case, pair.before)) is not None
        ]
        if not scored:
            continue
        gains = [first - second for first, second in scored]
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        yield (
            f"| {group} | {len(scored)} | {statistics.fmean(first for first, _ in scored):.3f} "
            f"| {statistics.fmean(second for _, second in scored):.3f} "
            f"| {statistics.fmean(gains):+.3f} ± {error:.3f} |"
        )
    yield ""


def tempo_within(tolerance: float, octaves: Sequence[float] = (1.0,)) -> Scorer:
    """Return a scorer of loops' tempi: 1 within a fraction of the true one, or of its octaves."""

    def score(case: Case, answer: dict[str, Any]) -> float | None:
        if case.bpm is None or not case.loop:
            return None
        return right(answer["bpm"], case.bpm, octaves, within=tolerance)

    return score


def times_of(kind: str, judge: Peer) -> Scorer:
    """Return a scorer of `beats` or `downbeats`: F at 70 ms without the first five seconds."""

    def score(case: Case, answer: dict[str, Any]) -> float | None:
        truth = case.beats if kind == "beats" else case.downbeats
        if case.loop or not truth:
            return None
        judged = judge.ask(do="judge", kind="beats", truth=truth, estimate=answer[kind])
        return float(judged["score"])

    return score


def metre(case: Case, answer: dict[str, Any]) -> float | None:
    """Score the number of beats in a bar of a song."""
    return None if case.metre is None or case.loop else float(answer["metre"] == case.metre)


def every_case(data: Path) -> list[Case]:
    """Return the recordings and, where fluidsynth is, generated pieces and loops."""
    plain = [*few(drum_tracks(data)), *few(mixes(data))]
    shifted = [varispeed(case, factor) for case in plain for factor in (0.8, 1.25)]
    cases = [*plain, *few(shifted), *few(loops(data))]
    if fluidsynth() is None:
        print("fluidsynth is not installed: generated pieces and loops are left out")
        return cases
    generated = (
        generated_loops(data, LOOPS),
        pieces_in_metres(EACH),
        tempo_changes(1),
    )
    return [*cases, *(case for some in generated for case in few(some))]


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rhythm", description=__doc__)
    parser.add_argument("--before", default=BEFORE, help="the earlier commit")
    parser.add_argument("--each", action="store_true", help="also print every case")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    with compared(args.before, "rhythm_answers.py", every_case(data)) as (judge, pairs):
        tables = (
            ("loops: tempo, accuracy 1", tempo_within(0.04)),
            ("loops: tempo, accuracy 2", tempo_within(0.04, OCTAVES)),
            ("loops: tempo within 0.5 %", tempo_within(EXACT)),
            ("beats, F at 70 ms", times_of("beats", judge)),
            ("downbeats, F at 70 ms", times_of("downbeats", judge)),
            ("beats per bar", metre),
        )
        lines = [line for title, score in tables for line in table(title, pairs, score)]
        if args.each:
            for pair in pairs:
                for title, score in tables:
                    if (now_score := score(pair.case, pair.now)) is not None:
                        was = score(pair.case, pair.before)
                        print(
                            f"{pair.case.group:18} {pair.case.name:36} {title} {now_score} ({was})"
                        )
    text = "\n".join(lines).rstrip()
    print(text)
    if args.write and not SMALLEST:
        write_figures(ROOT / "services" / "analysis" / "README.md", text, name="rhythm")


if __name__ == "__main__":
    main(sys.argv[1:])
