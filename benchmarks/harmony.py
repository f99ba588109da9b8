"""Chords, keys by section, sections and tempo over time, compared with an earlier commit's service.

`python -m benchmarks.harmony` prints the figures; `--write` also puts them into the analysis
service's README. `--before` names the earlier commit. Scores of chords and sections are mir_eval's.
Apart from the recorded piano and drums of "rendered songs", all songs are generated.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.analysis_cases import Case, pieces, songs, triads
from benchmarks.environments import ROOT, SMALLEST, few, test_data, write_figures
from benchmarks.harmony_cases import HarmonyCase, chord_songs, forms, modulations, tempo_courses
from benchmarks.midi import Peer
from benchmarks.rhythm import Pair, Scorer, compared, table
from benchmarks.rhythm_cases import fluidsynth

BEFORE = "753ccd89"
"""The last commit at which chords were major, minor or none, and a song had one key."""
NEAR = 0.02
"""A tempo is right within 2 %."""
PIANO = "piano pieces"
BINS = (0.0, 0.5, 0.7, 0.85, 0.95, 1.0)


def every_case(data: Path) -> list[Case]:
    """Return rendered songs and, where fluidsynth is, generated ones."""
    # Each piece is there in three keys, and one is enough here.
    cases = [*few(triads(data)), *few(songs(data, 16)), *few(list(pieces(data))[::3])]
    if fluidsynth() is None:
        print("fluidsynth is not installed: generated songs are left out")
        return cases
    generated = (chord_songs(12), modulations(8), forms(4), tempo_courses())
    return [*cases, *(case for some in generated for case in few(some))]


def overlap(judge: Peer, kind: str) -> Scorer:
    """Return a scorer of chords by one of mir_eval's comparisons, weighted by duration."""

    def score(case: Case, answer: dict[str, Any]) -> float | None:
        if not case.chords:
            return None
        judged = judge.ask(do="judge", kind=kind, truth=case.chords, estimate=answer["chords"])
        return float(judged["score"])

    return score


def form(judge: Peer, kind: str) -> Scorer:
    """Return a scorer of sections: `sections` by their labels, `boundaries` within 3 s."""

    def score(case: Case, answer: dict[str, Any]) -> float | None:
        if not isinstance(case, HarmonyCase) or not case.sections:
            return None
        judged = judge.ask(do="judge", kind=kind, truth=case.sections, estimate=answer["sections"])
        return float(judged["score"])

    return score


def right_share(
    truth: Sequence[tuple[float, float, str]], guesses: Sequence[tuple[float, float, str | None]]
) -> float:
    """Return the share of the time in which the guessed name is the true one."""
    right = sum(
        max(0.0, min(end, stop) - max(start, begin))
        for start, end, name in truth
        for begin, stop, guess in guesses
        if name == guess
    )
    return right / sum(end - start for start, end, _ in truth)


def key_share(case: Case, answer: dict[str, Any]) -> float | None:
    """Score the share of the time in which exactly the right key is given."""
    keys = case.keys if isinstance(case, HarmonyCase) else []
    if case.group == PIANO and case.key:
        keys = [(0.0, case.audio.size / case.rate, _harte(case.key))]
    if not keys:
        return None
    return right_share(keys, answer["keys"])


def role_share(case: Case, answer: dict[str, Any]) -> float | None:
    """Score the share of the time in which the section's role is right."""
    if not isinstance(case, HarmonyCase) or not case.sections:
        return None
    guesses = [
        (start, end, role)
        for (start, end, _), role in zip(answer["sections"], answer["roles"], strict=True)
    ]
    return right_share(case.sections, guesses)


def tempo_share(case: Case, answer: dict[str, Any]) -> float | None:
    """Score the share of the beats at which the tempo is within 2 %."""
    if not isinstance(case, HarmonyCase) or not case.curve:
        return None
    if not answer["curve"]:
        return 0.0
    times, tempi = np.array(answer["curve"]).T
    at, truth = np.array(case.curve).T
    return float(np.mean(np.abs(np.interp(at, times, tempi) / truth - 1.0) <= NEAR))


def reliability(title: str, rated: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    """Yield a reliability diagram as a table: what is right in each range of confidence.

    `rated` holds a weight, a confidence and whether it was right, 0 or 1.
    """
    yield f"| {title} | share | mean confidence | right |"
    yield "|---|---|---|---|"
    weights, confidences, right = np.array(rated).T
    error = 0.0
    for low, high in pairwise(BINS):
        inside = (confidences >= low) & ((confidences < high) | (high == BINS[-1]))
        share = float(weights[inside].sum() / weights.sum())
        if not share:
            continue
        stated, true = (
            float(np.average(values[inside], weights=weights[inside]))
            for values in (confidences, right)
        )
        error += share * abs(stated - true)
        yield f"| {low:g} to {high:g} | {share:.2f} | {stated:.2f} | {true:.2f} |"
    yield f"| expected calibration error | | | {error:.3f} |"
    yield ""


def rated_chords(pairs: Sequence[Pair], whose: str) -> list[tuple[float, float, float]]:
    """Return each overlap of a true and an estimated chord, compared without inversions."""
    rated = []
    for pair in pairs:
        answer = getattr(pair, whose)
        for start, end, name in pair.case.chords:
            for (begin, stop, guess), confidence in zip(
                answer["chords"], answer["chord_confidences"], strict=True
            ):
                length = min(end, stop) - max(start, begin)
                if length > 0:
                    same = name.split("/")[0] == guess.split("/")[0]
                    rated.append((length, confidence, float(same)))
    return rated


def rated_keys(pairs: Sequence[Pair]) -> list[tuple[float, float, float]]:
    """Return the key of each song in one key."""
    return [
        (1.0, pair.now["key_confidence"], float(_harte(pair.case.key) == pair.now["key"]))
        for pair in pairs
        if pair.case.key
    ]


def _harte(key: str) -> str:
    tonic, mode = key.split()
    return f"{tonic}:{mode[:3]}"


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.harmony", description=__doc__)
    parser.add_argument("--before", default=BEFORE, help="the earlier commit")
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    with compared(args.before, "harmony_answers.py", every_case(data)) as (judge, pairs):
        tables = (
            ("chords, major/minor", overlap(judge, "chords")),
            ("chords, sevenths", overlap(judge, "sevenths")),
            ("chords, sevenths and inversions", overlap(judge, "inversions")),
            ("chords, MIREX (three notes right)", overlap(judge, "mirex")),
            ("key, share of the time", key_share),
            ("sections, pairwise F of labels", form(judge, "sections")),
            ("sections, boundaries F at 3 s", form(judge, "boundaries")),
            ("sections, share of the time with the right role", role_share),
            ("tempo over time, within 2 %", tempo_share),
        )
        lines = [line for title, score in tables for line in table(title, pairs, score)]
    generated = [pair for pair in pairs if pair.case.group == "generated chords"]
    for title, rated in (
        ("confidence of chords", rated_chords(generated, "now")),
        (
            "confidence of chords, rendered songs",
            rated_chords([pair for pair in pairs if pair.case.group == "rendered songs"], "now"),
        ),
        ("confidence of the key", rated_keys(pairs)),
    ):
        lines += reliability(title, rated) if rated else ()
    text = "\n".join(lines).rstrip()
    print(text)
    if args.write and not SMALLEST:
        write_figures(ROOT / "services" / "analysis" / "README.md", text, name="harmony")


if __name__ == "__main__":
    main(sys.argv[1:])
