"""Generated material for the monophonic tracker and for the choice of a tracker, with exact labels.

Sung lines are synthesised: a harmonic source through the formants of vowels, with vibrato, drift,
scoops, glides between slurred notes, breath noise, and consonants before syllables. Other lines,
chords and duets are sequences of General MIDI instruments rendered by FluidSynth with the sound
font TimGM6mb (Debian's `timgm6mb-soundfont`), and reverberated. `tune` and `held_out` differ in
seeds, instruments, vowels and rooms; only `tune` cases were looked at while constants were chosen.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter

from benchmarks.midi_cases import RATE, Audio, Note, Split

SOUND_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
_SEEDS: dict[Split, int] = {"tune": 4_000, "held_out": 9_000}
_VOWELS: dict[Split, tuple[tuple[int, ...], ...]] = {
    "tune": ((730, 1090, 2440), (530, 1840, 2480), (300, 870, 2240)),
    "held_out": ((660, 1720, 2410), (270, 2290, 3010), (570, 840, 2410), (850, 1220, 2810)),
}
_BASSES: dict[Split, tuple[int, ...]] = {"tune": (33, 36, 38), "held_out": (32, 34, 35, 39)}
_MELODIC: dict[Split, tuple[int, ...]] = {
    "tune": (65, 73, 40, 56, 80),
    "held_out": (66, 71, 41, 57, 68, 81),
}
_PLUCKED: dict[Split, tuple[int, ...]] = {"tune": (0, 24, 27), "held_out": (1, 25, 26, 11)}
_CHORDAL: dict[Split, tuple[int, ...]] = {"tune": (0, 24, 48, 16), "held_out": (4, 25, 52, 19, 61)}
_SCALE = (0, 2, 4, 5, 7, 9, 11)
Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LineCase:
    """Mono audio at 44.1 kHz, its notes, and whether at most one of them sounds at a time."""

    name: str
    group: str
    split: Split
    audio: Audio
    notes: tuple[Note, ...]
    monophonic: bool = True
    tolerance: float = 0.05
    """Seconds by which an onset may be off; greater where people's labels are coarse."""
    pitch_classes: bool = False
    """Whether octaves of the labels are unreliable."""


def has_sound_font() -> bool:
    """Return whether FluidSynth and the sound font are installed."""
    return SOUND_FONT.is_file() and shutil.which("fluidsynth") is not None


def generated(split: Split) -> Iterator[LineCase]:
    """Yield all generated cases of a split; those of instruments only with the sound font."""
    for number in range(12):
        yield sung(split, number)
    if not has_sound_font():
        return
    for group, programs, low, step in (
        ("bass", _BASSES[split], 28, 0.22),
        ("wind and bowed", _MELODIC[split], 58, 0.24),
        ("plucked line", _PLUCKED[split], 52, 0.22),
    ):
        for index, program in enumerate(programs):
            for take in range(2):
                seed = _SEEDS[split] + 100 + 10 * program + take
                notes = _line(seed, low=low, step=step + 0.06 * take, slurred=group != "bass")
                audio = _room(_rendered(notes, program), seed, wet=0.25 * (index % 3))
                name = f"{group}-{program}-{take}"
                yield LineCase(name, group, split, audio, notes)
    for program in _CHORDAL[split]:
        seed = _SEEDS[split] + 10 * program
        for kind, notes in (("chords", _chords(seed)), ("duet", _duet(seed))):
            audio = _room(_rendered(notes, program), seed, wet=0.2)
            yield LineCase(f"{kind}-{program}", kind, split, audio, notes, monophonic=False)
    first, second = sung(split, 20), sung(split, 21)
    length = min(len(first.audio), len(second.audio))
    both = 0.5 * (first.audio[:length] + second.audio[:length])
    notes = tuple(sorted((*first.notes, *second.notes), key=lambda note: (note.start, note.pitch)))
    kept = tuple(note for note in notes if note.start < length / RATE)
    yield LineCase("two-singers", "two singers", split, both, kept, monophonic=False)


def sung(split: Split, number: int) -> LineCase:
    """Synthesise a sung line with consonants, slurs, vibrato and the singer's own tuning."""
    seed = _SEEDS[split] + number
    rng = np.random.default_rng(seed)
    centre = int(rng.integers(50, 70))
    tuning = float(rng.uniform(-0.35, 0.35))
    vibrato = float(rng.choice([0.1, 0.3, 0.5, 0.7])), float(rng.uniform(4.8, 6.6))
    step = float(rng.uniform(0.16, 0.3))
    syllables, notes, time, degree = [], [], 0.4, 7
    for index in range(36):
        length = step * float(rng.choice([1, 1, 2, 2, 3, 4]))
        if rng.uniform() > 0.2:
            degree = int(np.clip(degree + rng.choice([-3, -2, -1, -1, 1, 1, 2, 4]), 0, 13))
        pitch = centre - 7 + 12 * (degree // 7) + _SCALE[degree % 7]
        slurred = index > 0 and rng.uniform() < 0.25 and notes[-1].pitch != pitch
        consonant = 0.0 if slurred else float(rng.uniform(0.03, 0.09))
        rest = float(rng.uniform(0.25, 0.6)) if index % 9 == 8 else 0.0
        end = time + length * (1.0 if rest == 0 else 0.8)
        start = time + consonant
        if slurred:
            notes[-1] = Note(notes[-1].start, start, notes[-1].pitch)
        kind = "slur" if slurred else str(rng.choice(["fricative", "plosive", "nasal"]))
        notes.append(Note(start, end, pitch))
        syllables.append((kind, time))
        time = time + length + rest
    audio = _sing(notes, syllables, rng, tuning=tuning, vibrato=vibrato, vowels=_VOWELS[split])
    name = f"sung-{seed}"
    return LineCase(name, "sung", split, _room(audio, seed, wet=0.15 * (number % 3)), tuple(notes))


def _sing(
    notes: list[Note],
    syllables: list[tuple[str, float]],
    rng: np.random.Generator,
    *,
    tuning: float,
    vibrato: tuple[float, float],
    vowels: tuple[tuple[int, ...], ...],
) -> Audio:
    """Render notes as a formant synthesiser: pitch curve, envelope, source, vowels, consonants."""
    samples = int((notes[-1].end + 0.6) * RATE)
    time = np.arange(samples) / RATE
    pitch, loudness, noise = np.zeros(samples), np.zeros(samples), np.zeros(samples)
    depth, rate = vibrato
    unsteady = float(rng.choice([0.05, 0.15, 0.25]))
    for note, (kind, begun) in zip(notes, syllables, strict=True):
        first, last = int(note.start * RATE), min(int(note.end * RATE), samples)
        local = time[first:last] - note.start
        wobble = depth * np.clip((local - 0.15) / 0.25, 0, 1) * np.sin(2 * np.pi * rate * local)
        reached = float(rng.uniform(0.02, 0.08))
        scoop = 0.0 if kind == "slur" else -float(rng.uniform(0, 2.5)) * np.exp(-local / reached)
        fall = -float(rng.uniform(0, 1.5)) * np.exp(-(local[-1] - local) / 0.03)
        error = float(np.clip(rng.normal(0, unsteady), -0.4, 0.4))
        pitch[first:last] = note.pitch + tuning + wobble + scoop + fall + error
        level = 10 ** (float(rng.uniform(-6, 0)) / 20)
        loudness[first:last] = level * (1 - 0.25 * local / max(note.end - note.start, 0.1))
        consonant = slice(int(begun * RATE), first)
        if kind == "fricative":
            noise[consonant] = 0.12 * level
        elif kind == "plosive":
            noise[max(first - int(0.012 * RATE), 0) : first] = 0.3 * level
        elif kind == "nasal":
            pitch[consonant] = note.pitch + tuning - 0.3
            loudness[consonant] = 10 ** (float(rng.uniform(-16, -9)) / 20)
    sounding = pitch > 0
    pitch = np.interp(time, time[sounding], pitch[sounding])
    # Slurs glide, and voices neither start nor stop at once.
    pitch = _smooth(pitch, 0.05) + _wander(rng, samples, unsteady)
    loudness = _smooth(loudness, 0.025)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12)) / RATE
    fundamental = 440 * 2 ** ((pitch.max() - 69) / 12)
    source = np.zeros(samples)
    for k in range(1, int(min(40, 0.45 * RATE / fundamental)) + 1):
        source += k**-1.1 * np.sin(k * phase)
    source = source * loudness + 0.02 * loudness * rng.normal(0, 1, samples)
    out = np.zeros(samples)
    for index, note in enumerate(notes):
        first, last = int(syllables[index][1] * RATE), min(int((note.end + 0.05) * RATE), samples)
        vowel = vowels[int(rng.integers(len(vowels)))]
        out[first:last] = _formants(source[first:last], vowel)
    hiss = lfilter([1, -0.95], [1.0], rng.normal(0, 1, samples)) * _smooth(noise, 0.01)
    out = out / np.abs(out).max() + hiss
    out += 10 ** (-58 / 20) * rng.normal(0, 1, samples)
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


def _wander(rng: np.random.Generator, samples: int, semitones: float) -> Signal:
    """Return slow random deviations of a standard deviation, below about 3 Hz."""
    coarse = rng.normal(0, semitones, samples * 6 // RATE + 2)
    return np.interp(np.arange(samples), np.arange(len(coarse)) * RATE / 6, coarse)


def _formants(source: Signal, formants: tuple[int, ...]) -> Signal:
    """Filter by resonators of 90 Hz width in parallel."""
    out = 0.1 * source
    for index, hertz in enumerate(formants):
        radius = np.exp(-np.pi * 90 / RATE)
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * hertz / RATE), radius**2]
        out = out + lfilter([(1 - radius) * 0.7**index], poles, source)
    return np.asarray(out)


def _smooth(values: Signal, seconds: float) -> Signal:
    window = np.hanning(max(3, int(seconds * RATE)))
    return np.asarray(fftconvolve(values, window / window.sum(), mode="same"))


def _room(audio: Audio, seed: int, *, wet: float) -> Audio:
    """Add the reverberation of decaying noise, 0.6 to 1.2 s long (to -60 dB)."""
    if wet == 0:
        return audio
    rng = np.random.default_rng(seed)
    length = float(rng.uniform(0.6, 1.2))
    time = np.arange(int(length * RATE)) / RATE
    response = rng.normal(0, 1, len(time)) * 10 ** (-3 * time / length)
    response /= np.sqrt((response**2).sum())
    out = audio + wet * fftconvolve(audio, response)[: len(audio)]
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


def _line(seed: int, *, low: int, step: float, slurred: bool) -> tuple[Note, ...]:
    """Return a line of 40 notes: steps, leaps, repeated notes, slurred and short ones."""
    rng = np.random.default_rng(seed)
    notes: list[Note] = []
    time, degree = 0.4, 7
    for _ in range(40):
        if rng.uniform() > 0.25:
            degree = int(np.clip(degree + rng.choice([-4, -2, -1, 1, 2, 3, 7, -7]), 0, 20))
        length = step * float(rng.choice([1, 1, 2, 2, 3]))
        gate = float(rng.choice([0.55, 0.9, 1.0] if slurred else [0.5, 0.8, 0.95]))
        pitch = low + 12 * (degree // 7) + _SCALE[degree % 7]
        if notes and notes[-1].pitch == pitch and gate == 1.0:
            gate = 0.9
        notes.append(Note(time, time + gate * length, pitch, int(rng.integers(70, 115))))
        time += length
        if rng.uniform() < 0.06:
            time += 2 * step
    return tuple(notes)


def _chords(seed: int) -> tuple[Note, ...]:
    rng = np.random.default_rng(seed)
    notes = []
    for index in range(16):
        root = int(rng.integers(48, 60))
        for offset in (0, int(rng.choice([3, 4])), 7, int(rng.choice([10, 11, 12]))):
            start = 0.4 + 0.7 * index
            notes.append(Note(start, start + 0.6, root + offset, 90))
    return tuple(notes)


def _duet(seed: int) -> tuple[Note, ...]:
    """Return two independent lines, whose common pitches belong to the upper one."""
    upper = _line(seed + 1, low=64, step=0.25, slurred=False)
    lower = _line(seed + 2, low=45, step=0.4, slurred=False)
    clear = [n for n in lower if all(n.pitch != u.pitch for u in upper)]
    return tuple(sorted((*upper, *clear), key=lambda note: (note.start, note.pitch)))


def _rendered(notes: tuple[Note, ...], program: int) -> Audio:
    """Render notes with a General MIDI program, dry, mono."""
    events = sorted(
        [(n.start, 1, n.pitch, n.velocity) for n in notes] + [(n.end, 0, n.pitch, 0) for n in notes]
    )
    track = mido.MidiTrack([mido.Message("program_change", program=program)])
    done = 0
    for seconds, is_on, pitch, velocity in events:
        tick = round(seconds * 1920)
        kind = "note_on" if is_on else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - done))
        done = tick
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        mido.MidiFile(ticks_per_beat=960, tracks=[track]).save(folder / "notes.mid")
        subprocess.run(
            ["fluidsynth", "-ni", "-q", "-R", "0", "-C", "0", "-g", "0.8", "-r", str(RATE),
             "-F", folder / "out.wav", SOUND_FONT, folder / "notes.mid"],
            check=True, capture_output=True,
        )  # fmt: skip
        audio, _ = soundfile.read(folder / "out.wav", dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    return (0.5 * mono / max(float(np.abs(mono).max()), 1e-6)).astype(np.float32)
