"""Drum notes of the network and of tagged slices, compared with annotations.

`python -m benchmarks.drums` prints the figures; `--write` also puts them into the midi service's
README. Tags are made as the pipeline `full` makes them: slicing, of hits that sound alike the best
stored; tagging of what is stored; notes from both. `benchmarks.drum_mixes` has the recordings with
other instruments.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.analysis_cases import drum_tracks
from benchmarks.drum_answers import (
    NAMES,
    THREE,
    Counts,
    Events,
    annotated,
    counts,
    difference,
    engines,
    f_score,
    sliced,
    tagged,
    truth_of,
    written,
)
from benchmarks.drum_mixes import mixed_table
from benchmarks.environments import ROOT, few, reference_python, test_data, write_figures
from benchmarks.midi import Peer, peer
from contracts.jobs import TaskName
from contracts.midi import DrumMethod

_AT_ONCE = 0.03

NETWORK, TAGS = "network", "tags"


@dataclass(frozen=True, slots=True)
class Track:
    """One track: annotated hits, and estimated hits by how they were detected."""

    name: str
    truth: Events
    estimates: Mapping[str, Events]


def _f(rows: Sequence[Counts]) -> str:
    return f"{f_score(rows):.3f}"


def table(tracks: Sequence[Track], judge: Peer) -> Iterator[str]:
    """Yield Markdown: F of each track, and of each class over all tracks."""
    rows = {
        (tags, track.name, name): counts(track.truth[name], estimate[name], judge)
        for track in tracks
        for tags, estimate in track.estimates.items()
        for name in NAMES
    }
    names = [track.name for track in tracks]
    yield "| drum notes, F at 50 ms | by | all | " + " | ".join(names) + " |"
    yield "|---|---|---|" + "---|" * len(names)
    for label, classes in (("kick, snare, hi-hat", THREE), ("6 classes", tuple(NAMES))):
        for tags in tracks[0].estimates:
            whole = _f([rows[tags, track, name] for track in names for name in classes])
            each = " | ".join(_f([rows[tags, t, name] for name in classes]) for t in names)
            yield f"| {label} | {tags} | **{whole}** | {each} |"
    yield ""
    for label, classes in (("kick, snare, hi-hat", THREE), ("6 classes", tuple(NAMES))):
        pairs = [
            [f_score([rows[by, track, name] for name in classes]) for by in (NETWORK, TAGS)]
            for track in names
        ]
        yield f"{label}: {difference(pairs)}."
    yield ""
    yield "| class | hits | written | matched | F, network | F, tags | F, true tags |"
    yield "|---|---|---|---|---|---|---|"
    for name, label in NAMES.items():
        some = {by: [rows[by, track, name] for track in names] for by in tracks[0].estimates}
        matches, truths, estimates = (sum(column) for column in zip(*some[NETWORK], strict=True))
        scores = " | ".join(_f(counted) for counted in some.values())
        yield f"| {label} | {truths} | {estimates} | {matches:.0f} | {scores} |"
    yield ""
    yield (
        f"{100 * _simultaneous(tracks):.0f} % of the annotated hits begin within 30 ms of a hit on "
        "another drum. True tags are those of the annotation that is nearest to each stored slice."
    )


def _simultaneous(tracks: Sequence[Track]) -> float:
    """Return the share of hits that begin within `_AT_ONCE` of a hit on another drum."""
    total = joint = 0
    for track in tracks:
        hits = sorted((time, name) for name, times in track.truth.items() for time in times)
        total += len(hits)
        joint += sum(
            any(other != name and abs(at - time) <= _AT_ONCE for at, other in hits)
            for time, name in hits
        )
    return joint / max(1, total)


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update the README."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drums", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into the README")
    args = parser.parse_args(arguments)
    # It uses this module's functions.
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    opened = engines()
    tracks: list[Track] = []
    script = ROOT / "benchmarks" / "analysis_reference.py"
    with (
        tempfile.TemporaryDirectory() as scratch,
        peer(reference_python("analysis"), script) as judge,
    ):
        for case in few(drum_tracks(data)):
            folder = Path(scratch) / case.name
            folder.mkdir()
            truth = truth_of(data / "drum_transcription" / "mdb" / case.name)
            slicing = sliced(case, folder, opened[TaskName.SLICING])
            tags = tagged(slicing, folder, opened[TaskName.TAGGING])
            engine = opened[TaskName.MIDI]
            estimates = {
                NETWORK: written(slicing, tags, folder, engine, DrumMethod.NETWORK),
                TAGS: written(slicing, tags, folder, engine, DrumMethod.TAGS),
                "true tags": written(
                    slicing, annotated(slicing, truth, folder), folder, engine, DrumMethod.TAGS
                ),
            }
            tracks.append(Track(case.name, truth, estimates))
        lines = [*table(tracks, judge), "", *mixed_table(data, opened, Path(scratch), judge)]
        text = "\n".join(lines)
    print(text)
    if args.write:
        write_figures(ROOT / "services" / "midi" / "README.md", text, name="drums")


if __name__ == "__main__":
    main(sys.argv[1:])
