"""Generated music whose beats, bars and chords are known: pieces in several metres, and loops.

Patterns of drums, bass, chords and melody are drawn at random within a style, written as MIDI, and
played by fluidsynth with the sound font that pretty_midi brings along; drum loops are also played
on the recorded one-shots of the test data. Nothing of it is a recording of people playing.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pretty_midi

from benchmarks.analysis_cases import RATE, Case, read_mono
from kit.arrays import F64, Mono

DEVELOPMENT_SEED = 7
"""Constants may be chosen on pieces of this seed."""
HELD_OUT_SEED = 2003
"""Of the pieces that are scored."""
METRES = (2, 3, 4, 5, 6, 7)
CHANGES = ((100.0, 130.0), (90.0, 120.0), (140.0, 105.0), (120.0, 96.0), (84.0, 126.0))
"""Tempi before and after a change, in beats a minute."""
_KICK, _SNARE, _RIM, _CLAP, _HAT, _OPEN, _RIDE, _CRASH = 36, 38, 37, 39, 42, 46, 51, 49
_TOMS = (50, 47, 45, 43)
_SCALE = (0, 2, 4, 5, 7, 9, 11)
_PIANOS, _GUITARS, _PADS, _BASSES = (0, 4, 6), (24, 25, 26, 27), (48, 50, 89), (32, 33, 34, 38)
_LEADS = (40, 56, 65, 73, 80)


@dataclass(frozen=True, slots=True)
class Note:
    """One note: start and length in beats; the drums have program -1."""

    program: int
    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(slots=True)
class Score:
    """Notes by beat, and the chord of each bar."""

    notes: list[Note] = field(default_factory=list)

    def add(self, program: int, start: float, length: float, pitch: int, velocity: float) -> None:
        """Add a note."""
        self.notes.append(
            Note(program, start, length, pitch, int(np.clip(round(velocity), 20, 127)))
        )


def fluidsynth() -> str | None:
    """Return the path of the synthesiser, or `None` if this machine does not have it."""
    return shutil.which("fluidsynth")


_ACCENTS = {
    2: ((2,),),
    3: ((3,),),
    4: ((2, 2), (4,)),
    5: ((3, 2), (2, 3)),
    6: ((3, 3), (2, 2, 2)),
    7: ((2, 2, 3), (3, 2, 2), (4, 3)),
}
"""How the beats of a bar group, by metre."""


def _groups(rng: np.random.Generator, metre: int) -> tuple[int, ...]:
    known = _ACCENTS[metre]
    return known[int(rng.integers(len(known)))]


def _starts(groups: Sequence[int]) -> list[int]:
    return [sum(groups[:index]) for index in range(len(groups))]


def drum_bar(
    score: Score, rng: np.random.Generator, style: str, groups: Sequence[int], at: float
) -> None:
    """Write one bar of drums."""
    metre, starts = sum(groups), _starts(groups)
    if style == "four on the floor":
        kicks = list(np.arange(float(metre)))
        snares = [float(beat) for beat in range(1, metre, 2)]
        hats = [beat + 0.5 for beat in range(metre)]
        snare, hat = _CLAP, _OPEN
    elif style == "half time":
        kicks, snares = [0.0], [metre / 2 if metre % 2 == 0 else float(starts[-1])]
        kicks += [metre - 1.5] if rng.random() < 0.5 else []
        hats = list(np.arange(0.0, metre, 0.5))
        snare, hat = _SNARE, _HAT
    elif style == "break":
        kicks, snares = [0.0], [float(beat) for beat in range(1, metre, 2)]
        kicks += [beat for beat in (1.5, 2.5, 2.75, metre - 0.75) if rng.random() < 0.5]
        ghosts = [beat for beat in (0.75, 1.75, 2.25, 3.25) if beat < metre and rng.random() < 0.5]
        for beat in ghosts:
            score.add(-1, at + beat, 0.2, _SNARE, 38 + 10 * rng.random())
        hats = list(np.arange(0.0, metre, 0.5))
        snare, hat = _SNARE, _HAT
    elif style == "jazz":
        kicks = [0.0] if rng.random() < 0.5 else []
        snares = [float(start + 1) for start in starts] if rng.random() < 0.4 else []
        hats = [float(beat) for beat in range(metre)] + [
            beat + 2 / 3 for beat in range(1, metre, 2)
        ]
        snare, hat = _RIM, _RIDE
        for beat in range(1, metre, 2):
            score.add(-1, at + beat, 0.2, 44, 75)
    else:
        kicks = [float(start) for start in starts]
        kicks += [beat + 0.5 for beat in range(metre) if rng.random() < 0.15]
        snares = [float(start + group - 1) for start, group in zip(starts, groups, strict=True)]
        hats = list(np.arange(0.0, metre, 0.5 if style == "eighths" else 1.0))
        snare, hat = _SNARE, _HAT
    for beat in kicks:
        score.add(-1, at + beat, 0.2, _KICK, 95 + 15 * rng.random())
    for beat in snares:
        score.add(-1, at + beat, 0.2, snare, 90 + 20 * rng.random())
    for beat in hats:
        score.add(-1, at + beat, 0.2, hat, (80 if beat == int(beat) else 60) + 12 * rng.random())


def _fill(score: Score, rng: np.random.Generator, metre: int, at: float) -> None:
    """Write a fill over the last beat or two of a bar."""
    length = min(metre - 1, int(rng.integers(1, 3)))
    for index in range(length * 4):
        beat = at + metre - length + index / 4
        score.add(-1, beat, 0.2, _TOMS[index * 4 // (length * 4)], 70 + 30 * rng.random())


STYLES = ("four on the floor", "half time", "break", "jazz", "eighths", "quarters")


def _accompany(
    score: Score,
    rng: np.random.Generator,
    groups: Sequence[int],
    at: float,
    root: int,
    voicing: str,
    programs: tuple[int, int, int],
    early: float,
) -> None:
    """Write one bar of bass, chords and melody over a triad on a degree of C major."""
    metre, starts = sum(groups), _starts(groups)
    bass, comping, lead = programs
    tonic = _SCALE[root % 7]
    triad = [_SCALE[(root + step) % 7] + 12 * ((root + step) // 7) for step in (0, 2, 4)]
    score.add(bass, at - early, starts[1] if len(starts) > 1 else metre, 36 + tonic, 95)
    for start in starts[1:]:
        fifth = 7 if rng.random() < 0.5 else 0
        score.add(bass, at + start, 0.9, 36 + (tonic + fifth) % 12, 80)
    if voicing == "held":
        for step in triad:
            score.add(comping, at - early, metre - 0.05, 60 + step, 70)
    elif voicing == "afterbeats":
        for start, group in zip(starts, groups, strict=True):
            for beat in range(start + 1, start + group):
                for step in triad:
                    score.add(comping, at + beat, 0.5, 60 + step, 68)
    elif voicing == "broken":
        for index in range(2 * metre):
            step = triad[(0, 1, 2, 1)[index % 4]]
            score.add(comping, at + index / 2, 0.5, 60 + step, 78 if index == 0 else 62)
    else:
        for beat in range(metre):
            for step in triad:
                score.add(comping, at + beat, 0.8, 60 + step, 80 if beat in starts else 64)
    beat = 0.0
    while beat < metre:
        length = float(rng.choice([0.5, 1.0, 1.0, 2.0]))
        if rng.random() < 0.7:
            degree = int(rng.integers(7))
            pitch = triad[int(rng.integers(3))] if beat in starts else _SCALE[degree]
            score.add(lead, at + beat, 0.9 * min(length, metre - beat), 72 + pitch % 12, 78)
        beat += length


VOICINGS = ("held", "afterbeats", "broken", "struck")
_PROGRESSIONS = ((0, 5, 3, 4), (0, 3, 4, 0), (5, 3, 0, 4), (0, 4, 5, 3), (1, 4, 0, 0))


def play(
    score: Score, seconds: F64, *, transpose: int = 0, jitter: float = 0.0, seed: int = 0
) -> Mono:
    """Play a score with fluidsynth.

    Parameters
    ----------
    score
        The notes.
    seconds
        The time of each beat, `[beats]`, from beat 0; times between them are interpolated.
    transpose
        Semitones by which all notes but drums are moved.
    jitter
        Standard deviation of the players' timing, in seconds.
    seed
        Of the timing.

    Raises
    ------
    RuntimeError
        fluidsynth failed.
    """
    rng = np.random.default_rng(seed)
    beats = np.arange(seconds.size)
    document = pretty_midi.PrettyMIDI(resolution=960)
    for program in sorted({note.program for note in score.notes}):
        part = pretty_midi.Instrument(max(program, 0), is_drum=program < 0)
        for note in score.notes:
            if note.program == program:
                start, end = np.interp([note.start, note.start + note.length], beats, seconds)
                start = max(0.0, start + jitter * rng.standard_normal())
                pitch = note.pitch + (transpose if program >= 0 else 0)
                part.notes.append(
                    pretty_midi.Note(note.velocity, pitch, start, max(end, start + 0.03))
                )
        document.instruments.append(part)
    font = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        document.write(str(folder / "notes.mid"))
        subprocess.run(
            [
                *(str(fluidsynth()), "-ni", "-q", "-g", "0.4", "-r", str(RATE)),
                *("-F", str(folder / "out.wav"), str(font), str(folder / "notes.mid")),
            ],
            check=True,
            capture_output=True,
        )
        audio, _ = read_mono(folder / "out.wav")
    return np.asarray(audio * np.float32(0.7 / max(float(np.abs(audio).max()), 1e-6)), np.float32)


def _piece(rng: np.random.Generator, metre: int, bars: int, parts: str) -> tuple[Score, int]:
    """Write a piece; returns its notes, and the beats of its pickup."""
    groups, score = _groups(rng, metre), Score()
    style = str(rng.choice(STYLES if metre == 4 else STYLES[2:]))
    voicing, early = str(rng.choice(VOICINGS)), 0.5 if rng.random() < 0.25 else 0.0
    programs = tuple(
        int(rng.choice(some)) for some in (_BASSES, _PIANOS + _GUITARS + _PADS, _LEADS)
    )
    progression = _PROGRESSIONS[int(rng.integers(len(_PROGRESSIONS)))]
    pickup = int(rng.integers(metre)) if rng.random() < 0.5 else 0
    for beat in range(pickup):
        if parts != "tonal":
            score.add(-1, beat, 0.2, _HAT, 70)
        if parts != "drums":
            score.add(programs[2], beat, 0.9, 72 + _SCALE[int(rng.integers(7))], 75)
    for bar in range(bars):
        at = float(pickup + bar * metre)
        if parts != "tonal":
            drum_bar(score, rng, style, groups, at)
            if bar % 4 == 3 and rng.random() < 0.6:
                _fill(score, rng, metre, at)
            if bar % 8 == 0 and rng.random() < 0.5:
                score.add(-1, at, 0.5, _CRASH, 105)
        if parts != "drums":
            root = progression[bar % 4]
            lead = early if bar else 0.0
            _accompany(score, rng, groups, at, root, voicing, programs, lead)  # type: ignore[arg-type]
    return score, pickup


def pieces_in_metres(each: int, *, seed: int = HELD_OUT_SEED) -> Iterator[Case]:
    """Yield pieces of 2 to 7 beats a bar: by turns a band, drums alone, and no drums."""
    for metre in METRES:
        for index in range(each):
            rng = np.random.default_rng((seed, metre, index))
            parts = ("band", "drums", "tonal")[index % 3]
            bpm = float(rng.uniform(80, 160))
            bars = max(8, round(32 * bpm / 60 / metre))
            score, pickup = _piece(rng, metre, bars, parts)
            beat = np.arange(pickup + bars * metre + 5)
            drift = 1.0 + 0.01 * np.sin(2 * np.pi * beat / 48 + rng.uniform(0, 6))
            seconds = 0.2 + np.concatenate([[0.0], np.cumsum(60.0 / bpm * drift)[:-1]])
            audio = play(
                score, seconds, transpose=int(rng.integers(-5, 6)), jitter=0.005, seed=index
            )
            times = seconds[: pickup + bars * metre]
            yield Case(
                f"{metre}/4 {parts} {index}",
                f"{metre} beats a bar",
                audio,
                beats=times.tolist(),
                downbeats=times[pickup::metre].tolist(),
                metre=metre,
                bpm=bpm,
            )


def tempo_changes(each: int, *, seed: int = HELD_OUT_SEED) -> Iterator[Case]:
    """Yield pieces of four beats a bar whose tempo jumps at a bar line half-way."""
    for number, (first, second) in enumerate(CHANGES):
        for index in range(each):
            rng = np.random.default_rng((seed, 90 + number, index))
            parts = ("band", "drums", "tonal")[index % 3]
            bars = round(20 * first / 240), round(20 * second / 240)
            score, pickup = _piece(rng, 4, sum(bars), parts)
            before, after = pickup + 4 * bars[0], 4 * bars[1]
            steps = np.repeat([60.0 / first, 60.0 / second], [before, after + 4])
            seconds = 0.2 + np.concatenate([[0.0], np.cumsum(steps)])
            times = seconds[: before + after]
            yield Case(
                f"{first:g} to {second:g} {parts}",
                "tempo changes",
                play(score, seconds, jitter=0.005, seed=index),
                beats=times.tolist(),
                downbeats=times[pickup::4].tolist(),
                metre=4,
            )


_TEMPI = {
    "four on the floor": (112, 138),
    "half time": (120, 150),
    "break": (84, 176),
    "jazz": (90, 180),
    "eighths": (80, 150),
    "quarters": (75, 140),
}
"""Usual tempi of loops in a style, in beats a minute."""


def _kit(data: Path, rng: np.random.Generator) -> dict[int, Mono]:
    """Return a kit of recorded one-shots by MIDI note."""
    folder = data / "drum_oneshots" / "shared"
    names = {_KICK: "kick", _SNARE: "snare", _HAT: "hat", _RIDE: "ride", _CLAP: "finger_snap"}
    kit = {}
    for note, name in names.items():
        path = sorted((folder / name).glob("*.flac"))
        audio, _ = read_mono(path[int(rng.integers(len(path)))])
        kit[note] = audio / max(float(np.abs(audio).max()), 1e-6)
    return kit | {_OPEN: kit[_HAT], _CRASH: kit[_RIDE], _RIM: kit[_CLAP], 44: kit[_HAT]}


def _sampled(
    score: Score,
    kit: dict[int, Mono],
    beat: float,
    length: int,
    *,
    rng: np.random.Generator,
    jitter: float,
) -> Mono:
    """Play the drums of a loop on a kit; tails wrap around to its start."""
    total = np.zeros(length)
    for note in score.notes:
        sound = kit.get(note.pitch)
        if sound is not None:
            index = (
                round((note.start * beat + jitter * rng.standard_normal()) * RATE)
                + np.arange(sound.size)
            ) % length
            np.add.at(total, index, sound * (note.velocity / 127.0) ** 2)
    return np.asarray(0.7 * total / max(float(np.abs(total).max()), 1e-6), np.float32)


def generated_loops(data: Path, count: int, *, seed: int = HELD_OUT_SEED) -> Iterator[Case]:
    """Yield loops of one to eight bars: by turns one-shots, sound-font drums, band and harmony."""
    for index in range(count):
        rng = np.random.default_rng((seed, 50, index))
        metre = int(rng.choice([4, 4, 4, 4, 4, 4, 4, 4, 3, 6]))
        groups, style = _groups(rng, metre), str(rng.choice(STYLES))
        bpm = round(2 * float(rng.uniform(*_TEMPI[style]))) / 2
        bars = int(rng.choice([1, 2, 2, 4, 4, 8]))
        while bars * metre * 60 / bpm > 24 or bars * metre * 60 / bpm < 1.5:
            bars = 2
        parts = ("one-shots", "drums", "band", "tonal")[index % 4]
        score, length = Score(), round(bars * metre * 60 / bpm * RATE)
        jitter = float(rng.choice([0.0, 0.005, 0.01]))
        voicing = str(rng.choice(VOICINGS))
        programs = tuple(int(rng.choice(some)) for some in (_BASSES, _PIANOS + _GUITARS, _LEADS))
        for bar in range(bars):
            at = float(bar * metre)
            if parts != "tonal":
                drum_bar(score, rng, style, groups, at)
            if parts in ("band", "tonal"):
                root = _PROGRESSIONS[0][bar % 4]
                _accompany(score, rng, groups, at, root, voicing, programs, 0.0)  # type: ignore[arg-type]
        if parts == "one-shots":
            audio = _sampled(score, _kit(data, rng), 60 / bpm, length, rng=rng, jitter=jitter)
        else:
            # The second pass has the tails of the first, as a loop in use has.
            twice = Score(
                [
                    Note(note.program, note.start + again * bars * metre, *_rest(note))
                    for again in (0, 1)
                    for note in score.notes
                ]
            )
            seconds = np.arange(2 * bars * metre + 5) * 60 / bpm
            audio = play(
                twice, seconds, transpose=int(rng.integers(-5, 6)), jitter=jitter, seed=index
            )[length : 2 * length]
        beats = np.arange(bars * metre) * 60 / bpm
        yield Case(
            f"{parts} {style} {metre}/4 {bars} bars {bpm:g}",
            "generated loops",
            audio,
            beats=beats.tolist(),
            downbeats=beats[::metre].tolist(),
            metre=metre,
            bpm=bpm,
            loop=True,
        )


def _rest(note: Note) -> tuple[float, int, int]:
    return note.length, note.pitch, note.velocity
