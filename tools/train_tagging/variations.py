"""Data augmentation: variations of a sound; loops and splashes made of a kit's sounds.

All of it is decided by a seed that is made of the sound's own hash: the same sounds give the same
variations, in whatever order they come.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import soxr

from kit.arrays import F32
from services.tagging.descriptors import RATE
from tools.train_tagging.sounds import Sound

_RINGING = frozenset({"crash", "ride", "splash", "open_hat", "synth", "vocal", "bass"})
"""Classes that a very short cut makes unrecognisable."""
_DRUMS = ("kick", "snare", "closed_hat")


def generator(*words: str) -> np.random.Generator:
    """Return a random generator seeded with these words."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def variation(sound: Sound, number: int, others: Sequence[Sound]) -> F32:
    """Return a variation of a sound: `number` 0 is the sound itself.

    Parameters
    ----------
    sound
        What is varied.
    number
        Which of its variations.
    others
        Sounds that may be heard faintly behind it, as in a separated stem.

    Returns
    -------
    F32
        `[samples]`.
    """
    if number == 0:
        return sound.audio
    chance = generator(sound.kit, sound.name, sound.sha256, str(number))
    audio = sound.audio.astype(np.float64)
    if chance.random() < 0.6:
        speed = 2 ** (chance.uniform(-2.0, 2.0) / 12.0)
        audio = np.asarray(soxr.resample(audio, RATE, round(RATE / speed), "HQ"), np.float64)
    if sound.label != "loop" and chance.random() < 0.5:
        shortest = 0.25 if sound.label in _RINGING else 0.08
        audio = _faded(audio, float(chance.uniform(shortest, shortest + 0.6)))
    if chance.random() < 0.5:
        audio = _coloured(audio, chance)
    if chance.random() < 0.25:
        audio = np.tanh(audio / max(float(np.abs(audio).max()), 1e-9) * chance.uniform(1.0, 3.0))
    if chance.random() < 0.25:
        audio = _in_a_room(audio, chance)
    peak = max(float(np.abs(audio).max()), 1e-9)
    if others and sound.label != "loop" and chance.random() < 0.4:
        other = others[int(chance.integers(len(others)))].audio.astype(np.float64)
        at = int(chance.uniform(0.0, 0.3) * RATE)
        part = other[: max(0, audio.size - at)]
        level = peak * 10 ** (chance.uniform(-36.0, -18.0) / 20.0)
        audio[at : at + part.size] += part * level / max(float(np.abs(other).max()), 1e-9)
    if chance.random() < 0.4:
        noise = chance.standard_normal(audio.size)
        audio = audio + noise * peak * 10 ** (chance.uniform(-75.0, -45.0) / 20.0)
    if chance.random() < 0.3:
        audio = audio[int(chance.uniform(0.0, 0.003) * RATE) :]
    if chance.random() < 0.3:
        audio = np.concatenate([np.zeros(int(chance.uniform(0.0, 0.03) * RATE)), audio])
    return np.asarray(audio, np.float32)


def _faded(audio: np.ndarray, seconds: float) -> np.ndarray:
    audio = audio[: int(seconds * RATE)].copy()
    fade = min(audio.size, int(0.02 * RATE))
    audio[audio.size - fade :] *= np.linspace(1.0, 0.0, fade)
    return audio


def _coloured(audio: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Tilt the spectrum, and cut it off above some frequency."""
    size = 1 << int(np.ceil(np.log2(audio.size + 1)))
    spectrum = np.fft.rfft(audio, size)
    hertz = np.maximum(np.fft.rfftfreq(size, 1.0 / RATE), 20.0)
    gain = chance.uniform(-1.5, 1.5) * np.log2(hertz / 800.0)
    centre, depth = 2 ** chance.uniform(6.5, 13.0), chance.uniform(-6.0, 6.0)
    gain += depth * np.exp(-((np.log2(hertz / centre) / 0.7) ** 2))
    if chance.random() < 0.3:
        cut = chance.uniform(9_000.0, 16_000.0)
        gain -= 40.0 * np.clip(np.log2(hertz / cut) * 4.0, 0.0, 2.0)
    spectrum *= 10 ** (np.clip(gain, -90.0, 12.0) / 20.0)
    return np.fft.irfft(spectrum, size)[: audio.size]


def _in_a_room(audio: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    seconds = chance.uniform(0.08, 0.5)
    count = int(seconds * RATE)
    answer = chance.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    answer *= 10 ** (chance.uniform(-24.0, -9.0) / 20.0) / np.sqrt((answer**2).sum())
    answer[0] += 1.0
    size = 1 << int(np.ceil(np.log2(audio.size + count)))
    whole = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(answer, size), size)
    return whole[: audio.size + count // 2]


def loops(sounds: Sequence[Sound], family: str, count: int) -> Iterator[Sound]:
    """Play bars with the sounds of one family.

    Parameters
    ----------
    sounds
        The family's sounds; without a kick, a snare and a closed hat no drums are played, and
        without notes no melodies.
    family
        Its name.
    count
        Loops of each kind.

    Yields
    ------
    Sound
        One to four bars of four quarters, 80 to 175 beats a minute.
    """
    by_label: dict[str, list[Sound]] = {}
    for sound in sounds:
        if not sound.held_out:
            by_label.setdefault(sound.label, []).append(sound)
    notes = [*by_label.get("bass", ()), *by_label.get("synth", ())]
    for number in range(count):
        chance = generator("loop", family, str(number))
        if all(label in by_label for label in _DRUMS):
            yield _made(family, "loop", f"drums-{number}", _beat(by_label, chance))
        if len(notes) > 8:
            yield _made(family, "loop", f"notes-{number}", _melody(notes, chance))


def splashes(sounds: Sequence[Sound], family: str, count: int) -> Iterator[Sound]:
    """Make splashes of the crashes of one family: of the same shape and half the size.

    The partials of a cymbal rise as its diameter shrinks, and die away sooner; both happen to a
    recording that is played faster.

    Parameters
    ----------
    sounds
        The family's sounds.
    family
        Its name.
    count
        Splashes at most.
    """
    crashes = [sound for sound in sounds if sound.label == "crash" and not sound.held_out]
    chance = generator("splash", family)
    for place in chance.permutation(len(crashes))[:count]:
        crash = crashes[int(place)]
        faster = float(chance.uniform(1.5, 2.1))
        audio = soxr.resample(crash.audio, RATE, round(RATE / faster), "HQ")
        audio = _faded(audio, float(chance.uniform(0.5, 1.2)))
        yield _made(family, "splash", crash.name, np.asarray(audio, np.float64))


def _made(family: str, label: str, name: str, audio: np.ndarray) -> Sound:
    audio = np.asarray(audio / max(float(np.abs(audio).max()), 1e-9) * 0.9, np.float32)
    return Sound(
        kit=f"made of {family}",
        family=family,
        name=name,
        label=label,
        licence="",
        held_out=False,
        instrument=f"{label}/{family}/{name}",
        sha256=hashlib.sha256(np.round(audio * 32767).astype("<i2").tobytes()).hexdigest(),
        audio=audio,
    )


def _bar(chance: np.random.Generator) -> tuple[np.ndarray, int, int]:
    sixteenth = int(15.0 / chance.uniform(80.0, 175.0) * RATE)
    steps = 16 * int(chance.choice([1, 1, 2]))
    return np.zeros(sixteenth * steps + 1), sixteenth, steps


def _strike(audio: np.ndarray, at: int, sound: F32, gain: float) -> None:
    part = sound[: max(0, audio.size - at)]
    audio[at : at + part.size] += gain * part / max(float(np.abs(sound).max()), 1e-9)


def _beat(by_label: dict[str, list[Sound]], chance: np.random.Generator) -> np.ndarray:
    audio, sixteenth, steps = _bar(chance)
    parts = {"kick": 0.25, "snare": 0.1, "closed_hat": 0.5}
    extra = [x for x in ("open_hat", "percussion", "tom", "clap", "rim", "ride") if x in by_label]
    for label in extra:
        if chance.random() < 0.3:
            parts[label] = 0.12
    if chance.random() < 0.25:
        # A loop of one drum, or of two.
        kept = chance.permutation(sorted(parts))[: int(chance.integers(1, 3))]
        parts = dict.fromkeys(kept, 0.4)
    swing = int(chance.uniform(0.0, 0.25) * sixteenth)
    for label, density in parts.items():
        choice = by_label[label][int(chance.integers(len(by_label[label])))].audio
        level = chance.uniform(0.5, 1.0)
        pattern = chance.random(16) < density
        if label == "kick":
            pattern[[0, 8]] = True
        if label == "snare":
            pattern[[4, 12]] = True
        if label == "closed_hat":
            pattern[:: int(chance.choice([1, 2, 4]))] = True
        if pattern.sum() < 2:
            pattern[[2, 10]] = True
        for step in np.flatnonzero(np.tile(pattern, steps // 16)):
            at = int(step) * sixteenth + (swing if step % 2 else 0)
            _strike(audio, at, choice, level * chance.uniform(0.6, 1.0))
    return audio


def _melody(notes: list[Sound], chance: np.random.Generator) -> np.ndarray:
    audio, sixteenth, steps = _bar(chance)
    voice = notes[int(chance.integers(len(notes)))]
    program = voice.name.split(":")[1] if voice.name.count(":") == 3 else voice.name
    same = [s for s in notes if s.kit == voice.kit and f":{program}:" in f":{s.name}:"] or [voice]
    step = 0
    while step < steps:
        length = int(chance.choice([1, 2, 2, 4]))
        if chance.random() < 0.85:
            note = same[int(chance.integers(len(same)))].audio
            part = _faded(note.astype(np.float64), 1.2 * length * sixteenth / RATE)
            _strike(audio, step * sixteenth, np.asarray(part, np.float32), 1.0)
        step += length
    return audio
