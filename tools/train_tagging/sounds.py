"""The sounds of the packages: read or rendered, labelled, hashed."""

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from kit.arrays import F32
from services.tagging.descriptors import RATE
from tools.train_tagging.packages import configuration

_AUDIO = {".wav", ".flac", ".aiff", ".ogg"}
_LONGEST = 12.0
_BROAD = {
    "splash": "crash",
    "cowbell": "percussion",
    "shaker": "percussion",
    "tambourine": "percussion",
}
_LICENCES = {"CC0-1.0", "MIT", "CC-BY-3.0"}
"""Licences that require only a notice in derived works."""

# General MIDI's percussion keys, in the order in which the drum network got its sounds: of equal
# recordings the first is kept. So a class may come twice.
_GM = (
    ("kick", (35, 36)),
    ("rim", (37,)),
    ("snare", (38, 40)),
    ("clap", (39,)),
    ("tom", (41, 43, 45, 47, 48, 50)),
    ("closed_hat", (42, 44)),
    ("open_hat", (46,)),
    ("crash", (49, 52)),
    ("splash", (55,)),
    ("crash", (57,)),
    ("ride", (51, 53, 59)),
    ("tambourine", (54,)),
    ("cowbell", (56,)),
    ("percussion", tuple(range(60, 69))),
    ("shaker", (69, 70)),
    ("percussion", (73, 75, 76, 77, 80, 81)),
)
# The keys of the AVL kits; chokes (50, 52, 58) are left out.
_AVL = (
    ("kick", (36,)),
    ("rim", (37,)),
    ("snare", (38, 40)),
    ("clap", (39,)),
    ("tom", (41, 43, 45, 47)),
    ("closed_hat", (42, 44)),
    ("open_hat", (46, 48)),
    ("crash", (49,)),
    ("splash", (55,)),
    ("crash", (57,)),
    ("ride", (51, 53, 59, 60)),
    ("tambourine", (54,)),
    ("cowbell", (56,)),
    ("percussion", (64,)),
)
_MAPS = {"gm": _GM, "avl": _AVL}
# General MIDI's programs: what is plucked, blown, bowed or synthetic is `synth`.
_BASS = range(32, 40)
_VOICES = (52, 53, 54, 85, 91)
_NOT_NOTES = {*_BASS, *_VOICES, 47, 55, *range(112, 128)}


@dataclass(frozen=True, slots=True)
class Sound:
    """One labelled sound.

    Attributes
    ----------
    kit, family
        Where it is from, and what is held out together with it.
    name
        The file in the kit; of a sound font `bank:program:key:velocity`.
    label
        One of the classifier's classes.
    licence
        By its SPDX name.
    held_out
        Whether it is only measured with.
    instrument
        The kit, class and name without digits: layers of one drum share it.
    sha256
        Of the file; of a sound font of the rendered 16-bit samples.
    audio
        Mono `[samples]` at the classifier's rate.
    """

    kit: str
    family: str
    name: str
    label: str
    licence: str
    held_out: bool
    instrument: str
    sha256: str
    audio: F32

    def without_audio(self) -> "Sound":
        """Return its metadata."""
        return replace(self, audio=np.zeros(0, np.float32))

    def broadly(self) -> "Sound":
        """Return the sound with the class to which its own belongs."""
        label = broad(self.label)
        instrument = self.instrument.replace(f"/{self.label}/", f"/{label}/", 1)
        return replace(self, label=label, instrument=instrument)

    @property
    def permissive(self) -> bool:
        """Whether its licence requires only a notice in derived works."""
        return self.licence in _LICENCES


def broad(label: str) -> str:
    """Return the class to which one belongs that only the classifier tells apart, or itself."""
    return _BROAD.get(label, label)


def load(folder: Path) -> list[Sound]:
    """Return every sound of the unpacked packages, in a fixed order, each recording once."""
    config = configuration()
    sounds = [sound for kit in config["kit"] for sound in read_kit(kit, folder)]
    sounds += [sound for font in config["font"] for sound in _rendered(font, folder)]
    seen: set[str] = set()
    once = []
    for sound in sounds:
        digest = hashlib.sha256(np.round(sound.audio * 32767).astype("<i2").tobytes()).hexdigest()
        if digest not in seen:
            once.append(sound)
        seen.add(digest)
    return once


def read(path: Path) -> F32:
    """Read a file as mono at the classifier's rate."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio[: int(_LONGEST * rate)].mean(axis=1)
    return np.asarray(mono if rate == RATE else soxr.resample(mono, rate, RATE, "HQ"), np.float32)


def read_kit(kit: dict[str, Any], folder: Path) -> Iterator[Sound]:
    """Yield the sounds of a kit of files, from the folder of unpacked packages."""
    root = folder / kit["package"] / kit["folder"]
    kept_back = re.compile(kit["held_out"]) if "held_out" in kit else None
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in _AUDIO:
            continue
        name = path.relative_to(root).as_posix()
        stem = name.rsplit(".", 1)[0]
        label = next((label for rule, label in kit["rules"] if re.search(rule, stem)), "")
        try:
            audio = read(path) if label else np.zeros(0, np.float32)
        except soundfile.LibsndfileError as unreadable:
            print(f"left out, as it cannot be read: {unreadable}", file=sys.stderr)
            continue
        if not audio.size or float(np.abs(audio).max()) < 1e-3:
            continue
        yield Sound(
            kit=kit["name"],
            family=kit["family"],
            name=name,
            label=label,
            licence=kit["licence"],
            held_out=bool(kept_back and kept_back.search(stem)),
            instrument=f"{kit['name']}/{label}/{_instrument(stem)}",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            audio=audio,
        )


def _instrument(stem: str) -> str:
    return re.sub(r"[-_ ]?(\d+|Soft(est)?|Med|Hard(est)?)$", "", stem)


def _rendered(font: dict[str, Any], folder: Path) -> Iterator[Sound]:
    import tinysoundfont

    synth = tinysoundfont.Synth(gain=0, samplerate=RATE)
    number = synth.sfload(str(folder / font["package"] / font["file"]))
    blank = Sound(
        kit=font["name"],
        family=font["family"],
        name="",
        label="",
        licence=font["licence"],
        held_out=False,
        instrument="",
        sha256="",
        audio=np.zeros(0, np.float32),
    )

    def play(bank: int, program: int, key: int, velocity: int, held: float) -> F32:
        synth.sounds_off(0)
        synth.program_select(0, number, bank, program, bank == 128)
        synth.noteon(0, key, velocity)
        first = np.frombuffer(bytes(synth.generate(int(held * RATE))), np.float32)
        synth.noteoff(0, key)
        rest = np.frombuffer(bytes(synth.generate(int(0.4 * RATE))), np.float32)
        synth.sounds_off(0)
        synth.generate(2048)
        return np.concatenate([first, rest]).reshape(-1, 2).mean(axis=1)

    def sound(label: str, place: tuple[int, int, int, int], held: float) -> Iterator[Sound]:
        audio = _without_end(play(*place, held))
        if float(np.abs(audio).max(initial=0.0)) < 1e-3:
            return
        audio = audio / np.float32(np.abs(audio).max() * 1.1)
        digest = hashlib.sha256(np.round(audio * 32767).astype("<i2").tobytes()).hexdigest()
        bank, program, key, _ = place
        name = ":".join(str(part) for part in place)
        instrument = f"{font['name']}/{label}/{bank}:{program}:{key if bank else ''}"
        yield replace(
            blank, name=name, label=label, instrument=instrument, sha256=digest, audio=audio
        )

    for bank, program in font["drums"]:
        for label, keys in _MAPS[font["map"]]:
            for key in keys:
                for velocity in font["velocities"]:
                    yield from sound(label, (bank, program, key, velocity), 4.0)
    if not font.get("melodic"):
        return
    for program in range(112):
        if program in _BASS:
            label, keys = "bass", (28, 33, 38, 43, 48)
        elif program in _VOICES:
            label, keys = "vocal", (45, 50, 54, 57, 60, 64, 67, 71, 76)
        elif program not in _NOT_NOTES:
            label, keys = "synth", (48, 60, 67, 76)
        else:
            continue
        for place, key in enumerate(keys):
            # Lengths differ, so that how long a note is held says nothing of what it is.
            held = (0.25, 0.5, 0.9, 0.35, 1.4)[(program + place) % 5]
            yield from sound(label, (0, program, key, 100), held)


def _without_end(audio: F32) -> F32:
    """Cut what is inaudible at the end."""
    loud = np.flatnonzero(np.abs(audio) > 10 ** (-60 / 20) * max(float(np.abs(audio).max()), 1e-9))
    return audio[: int(loud[-1]) + 1] if loud.size else audio[:0]
