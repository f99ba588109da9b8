"""Tables of the monophonic tracker, and of the choice of a tracker, for `benchmarks.midi`."""

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from benchmarks.environments import few
from benchmarks.midi_cases import RATE, Audio, recordings
from benchmarks.midi_monophonic_cases import LineCase, generated
from benchmarks.midi_voices import VoiceStem, karaoke, voice_stems
from contracts.midi import Tracker
from contracts.music import Stem

_STEMS = {"sung": Stem.VOCALS, "songs, separated": Stem.VOCALS, "bass": Stem.BASS}
_TRACKERS = (Tracker.AUTO, Tracker.MONOPHONIC, Tracker.POLYPHONIC)


class Answers(Protocol):
    """A process that answers requests."""

    def ask(self, **request: object) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        ...


@dataclass(frozen=True, slots=True)
class LineScore:
    """F1 of a case by onset and by onset and end, for each tracker, and what was chosen."""

    case: LineCase
    onset: dict[Tracker, float]
    end: dict[Tracker, float]
    chosen: str
    reason: str
    simultaneous: float


def line_cases(data: Path | None) -> Iterator[LineCase]:
    """Yield generated cases of both splits, and recordings where they are there."""
    for split in ("held_out", "tune"):
        yield from generated(split)
    if data is None:
        return
    yield from karaoke(data)
    for case in recordings(data / "audio_midi"):
        if case.name.startswith("filosax"):
            # The annotation ends before the audio.
            audio = case.audio[: int(case.until * RATE)]
            yield LineCase(case.name, "saxophones", case.split, audio, case.notes)


def line_figures(
    data: Path | None, folder: Path, ours: Answers, judge: Answers, *, each: bool
) -> Iterator[str]:
    """Yield the lines of all tables; with `each`, of every case before them."""
    scores = measure_lines(data, folder, ours, judge)
    if each:
        for score in scores:
            onset = " / ".join(f"{value:.3f}" for value in score.onset.values())
            end = " / ".join(f"{value:.3f}" for value in score.end.values())
            yield (
                f"{score.case.split:9} {score.case.name:28} {score.reason:20} "
                f"onset {onset}   end {end}"
            )
    tables = (line_table(scores), choice_table(scores), pitch_table(data, folder, ours))
    for table in tables:
        yield from table
        yield ""


def measure_lines(
    data: Path | None, folder: Path, ours: Answers, judge: Answers
) -> list[LineScore]:
    """Transcribe every case with every tracker and score its notes with mir_eval."""
    scores = []
    for case in few(line_cases(data)):
        path = _written(folder, case.audio)
        stem = _STEMS.get(case.group)
        chosen = ours.ask(path=str(path), stem=stem)
        onset, end = {}, {}
        for tracker in _TRACKERS:
            # The chosen tracker need not run again.
            is_known = tracker in (Tracker.AUTO, chosen.get("tracker"))
            answer = chosen if is_known else ours.ask(path=str(path), tracker=tracker, stem=stem)
            figures = judge.ask(
                do="judge",
                truth=_folded([[n.start, n.end, n.pitch] for n in case.notes], case),
                estimate=_folded(answer["notes"], case),
                tolerance=case.tolerance,
            )
            onset[tracker], end[tracker] = figures["onset"], figures["end"]
        scores.append(
            LineScore(
                case, onset, end, str(chosen.get("tracker")), str(chosen["reason"]),
                float(chosen.get("simultaneous") or 0.0),
            )
        )  # fmt: skip
    return scores


def line_table(scores: Sequence[LineScore]) -> Iterator[str]:
    """Yield a Markdown table of F1 by group: as chosen, and each tracker for itself."""
    yield (
        "| one note at a time | split | n | onset F1: as chosen | monophonic | polyphonic (before) "
        "| as chosen − before ± s.e. | onset + end F1: as chosen | monophonic | polyphonic (before)"
        " | as chosen − before ± s.e. |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for (group, split), some in _grouped(scores).items():
        if some[0].case.monophonic:
            cells = []
            for kind in ("onset", "end"):
                values = [getattr(score, kind) for score in some]
                cells += [f"{statistics.fmean(v[t] for v in values):.3f}" for t in _TRACKERS]
                cells.append(paired([v[Tracker.AUTO] - v[Tracker.POLYPHONIC] for v in values]))
            label = split.replace("_", " ")
            yield f"| {group} | {label} | {len(some)} | " + " | ".join(cells) + " |"


def choice_table(scores: Sequence[LineScore]) -> Iterator[str]:
    """Yield a Markdown table of the detector of simultaneous notes and of the chosen tracker."""
    yield (
        "| material | split | n | simultaneous: least, median, most | monophonic tracker "
        "| reasons |"
    )
    yield "|---|---|---|---|---|---|"
    for (group, split), some in _grouped(scores).items():
        shares = [score.simultaneous for score in some]
        spread = f"{min(shares):.2f}, {statistics.median(shares):.2f}, {max(shares):.2f}"
        chosen = sum(score.chosen == Tracker.MONOPHONIC for score in some)
        reasons = Counter(score.reason for score in some)
        text = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        label = split.replace("_", " ")
        yield f"| {group} | {label} | {len(some)} | {spread} | {chosen} | {text} |"


def pitch_table(data: Path | None, folder: Path, ours: Answers) -> Iterator[str]:
    """Yield a Markdown table of how much of an annotated sung pitch the notes cover."""
    stems = few(voice_stems(data)) if data is not None else []
    if not stems:
        return
    yield "| vocal stem | notes: monophonic | polyphonic | pitch covered: monophonic | polyphonic |"
    yield "|---|---|---|---|---|"
    covered: list[list[float]] = []
    for stem in stems:
        path = _written(folder, stem.audio)
        answers = [
            ours.ask(path=str(path), tracker=tracker, stem=Stem.VOCALS)["notes"]
            for tracker in (Tracker.MONOPHONIC, Tracker.POLYPHONIC)
        ]
        covered.append([_covered(stem, notes) for notes in answers])
        counts = " | ".join(str(len(notes)) for notes in answers)
        shares = " | ".join(f"{share:.3f}" for share in covered[-1])
        yield f"| {stem.name} | {counts} | {shares} |"
    difference = paired([mono - poly for mono, poly in covered])
    yield ""
    yield (
        "Covered is the share of the annotated frames during which a note within a semitone "
        f"sounds; difference {difference}, n = {len(covered)}."
    )


def paired(differences: Sequence[float]) -> str:
    """Return the mean of paired differences with its standard error."""
    mean = statistics.fmean(differences)
    if len(differences) < 2:
        return f"{mean:+.3f}"
    return f"{mean:+.3f} ± {statistics.stdev(differences) / math.sqrt(len(differences)):.3f}"


def _grouped(scores: Sequence[LineScore]) -> dict[tuple[str, str], list[LineScore]]:
    groups: dict[tuple[str, str], list[LineScore]] = {}
    for score in scores:
        groups.setdefault((score.case.group, score.case.split), []).append(score)
    return groups


def _folded(notes: list[list[float]], case: LineCase) -> list[list[float]]:
    if not case.pitch_classes:
        return notes
    return [[start, end, 60 + pitch % 12] for start, end, pitch in notes]


def _covered(stem: VoiceStem, notes: Sequence[Sequence[float]]) -> float:
    seconds = np.array([at for at, _ in stem.pitch])
    pitch = np.array([value for _, value in stem.pitch])
    is_covered = np.zeros(len(seconds), np.bool_)
    for start, end, written in notes:
        sounding = (seconds >= start) & (seconds < end)
        is_covered |= sounding & (np.abs(pitch - written) <= 1)
    return float(is_covered.mean())


def _written(folder: Path, audio: Audio) -> Path:
    path = folder / "line.flac"
    soundfile.write(path, audio, RATE, subtype="PCM_24")
    return path
