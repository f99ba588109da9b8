"""Accuracy of the shipped one-shot classifier on recordings that it was not trained on.

`python -m benchmarks.oneshots` prints the figures; `--write` also puts them into
`services/tagging/weights/README.md`. How well whole kits do that were held out is measured where
the weights are made, by `make train-tagging`, and is repeated here from its `metrics.json`.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.environments import ROOT, few, test_data, write_figures
from services.tagging.oneshots import CLASSES, Classifier, features

WEIGHTS = ROOT / "services" / "tagging" / "weights"
# Folders of one-shots whose names are not classes of ours.
FOLDERS = {
    "hat": ("closed_hat", "open_hat"),
    "crash_or_ride_cymbal": ("crash", "ride", "splash"),
    "finger_snap": ("clap",),
    "triangle": ("percussion",),
}
# Subclasses of MDB Drums; a snare without its snares, a ghost note or a flam is a snare still.
STRUCK = {
    "KD": ("kick",),
    "SD": ("snare",),
    "SDF": ("snare",),
    "SDG": ("snare",),
    "SDNS": ("snare",),
    "SST": ("rim",),
    "CHH": ("closed_hat",),
    "CHC": ("crash",),
    "OHH": ("open_hat",),
    "CRC": ("crash",),
    "LFT": ("tom",),
    "TMB": ("tambourine",),
}
ALONE = 0.06
"""Seconds around a hit within which nothing else is struck."""
LONGEST = 1.0


def read(path: Path) -> tuple[np.ndarray, int]:
    """Read a file as mono."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return audio.mean(axis=1), rate


def one_shots(classifier: Classifier, data: Path) -> Iterator[str]:
    """Yield a table over recorded one-shots outside the training data."""
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    sure = answered = 0
    seconds = []
    for path in few(sorted((data / "drum_oneshots" / "shared").glob("*/*.flac"))):
        audio, rate = read(path)
        began = time.process_time()
        probabilities = classifier.classify(features(audio, rate)[None])[0]
        seconds.append(time.process_time() - began)
        folder = path.parent.name
        accepted = FOLDERS.get(folder, (folder,))
        hit = CLASSES[int(probabilities.argmax())] in accepted
        total[folder] += 1
        right[folder] += hit
        answered += bool(probabilities.max() >= 0.5)
        sure += bool(hit and probabilities.max() >= 0.5)
    yield "| one-shots never learnt | right | of |"
    yield "|---|---:|---:|"
    for folder, count in sorted(total.items()):
        yield f"| {folder} | {right[folder]} | {count} |"
    yield f"| **all** | **{right.total()}** | **{total.total()}** |"
    yield ""
    yield (
        f"With a confidence of 0.5 or more {sure} of {answered} are right. One takes "
        f"{1000 * statistics.median(seconds):.0f} ms of processor time in the median."
    )


def hits(folder: Path) -> Iterator[tuple[np.ndarray, int, str]]:
    """Yield the hits of a drum track that nothing else sounds near, as slices, with their drum."""
    audio, rate = read(folder / "drum_only.flac")
    lines = (folder / "subclass.txt").read_text(encoding="utf-8").splitlines()
    events = sorted((float(line.split()[0]), line.split()[1]) for line in lines if line.strip())
    times = [time for time, _ in events]
    for place, (at, drum) in enumerate(events):
        before = times[place - 1] if place else -1.0
        after = times[place + 1] if place + 1 < len(times) else at + LONGEST
        if at - before < ALONE or after - at < ALONE:
            continue
        start = max(0, int((at - 0.01) * rate))
        end = int(min(after - 0.01, at + LONGEST) * rate)
        if end > start:
            yield audio[start:end], rate, drum


def tracks(classifier: Classifier, data: Path) -> Iterator[str]:
    """Yield a table over hits of real drum tracks: true onsets, cut at the next one."""
    guesses: dict[str, Counter[str]] = {}
    for folder in few(sorted((data / "drum_transcription" / "mdb").iterdir())):
        for audio, rate, drum in hits(folder):
            probabilities = classifier.classify(features(audio, rate)[None])[0]
            name = CLASSES[int(probabilities.argmax())]
            guesses.setdefault(drum, Counter())[name] += 1
    yield "| hits of drum tracks | right | of | most often classified as |"
    yield "|---|---:|---:|---|"
    right = total = 0
    for drum, counts in sorted(guesses.items(), key=lambda item: -item[1].total()):
        correct = sum(counts[name] for name in STRUCK[drum])
        right, total = right + correct, total + counts.total()
        often = ", ".join(f"{name} {count}" for name, count in counts.most_common(3))
        yield f"| {'/'.join(STRUCK[drum])} ({drum}) | {correct} | {counts.total()} | {often} |"
    yield f"| **all** | **{right}** | **{total}** | {right / total:.3f} |"


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oneshots", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    metrics = json.loads((WEIGHTS / "metrics.json").read_text(encoding="utf-8"))
    print("held-out kits:", ", ".join(f"{name} {value}" for name, value in metrics.items()))
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    classifier = Classifier.load(WEIGHTS / "oneshots.npz")
    text = "\n".join([*one_shots(classifier, data), "", *tracks(classifier, data)])
    print(text)
    if args.write:
        write_figures(WEIGHTS / "README.md", text)


if __name__ == "__main__":
    main(sys.argv[1:])
