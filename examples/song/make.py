"""Synthesise the demo's song and its ground truth; the voice comes from `voice.flac`.

`python -m examples.song.make` writes `song.flac` and `truth.json`; with `--voice` it first renders
`voice.flac` again with eSpeak NG, which only has to be installed for that.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

HERE = Path(__file__).parent
RATE = 44_100
BPM = 96.0
BARS = 8
BEAT = 60.0 / BPM
BAR = 4 * BEAT
LENGTH = BARS * BAR + 1.5
CHORDS: tuple[tuple[str, tuple[int, ...], int], ...] = (
    ("A:min", (57, 60, 64), 45),
    ("F:maj", (53, 57, 60), 41),
    ("C:maj", (55, 60, 64), 48),
    ("G:maj", (55, 59, 62), 43),
)
PHRASES = (
    "Open up the crate and dig",
    "Every sound can find a home",
    "Turn the music upside down",
    "Play the record one more time",
)

Signal = NDArray[np.float64]


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", action="store_true", help="render the voice again")
    if parser.parse_args().voice:
        _render_voice(HERE / "voice.flac")
    mix, truth = song(soundfile.read(HERE / "voice.flac")[0])
    soundfile.write(HERE / "song.flac", mix, RATE, subtype="PCM_16")
    (HERE / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def song(voice: Signal) -> tuple[Signal, dict[str, Any]]:
    """Return the song, `[samples, 2]` within ±1, and its ground truth.

    Parameters
    ----------
    voice
        Mono at `RATE`: the phrases one after the other, two bars each.
    """
    drums, hits = _drums()
    bass, chords, notes, labels = _harmony()
    left = 0.75 * drums + 0.5 * bass + 0.34 * chords
    right = 0.75 * drums + 0.5 * bass + 0.28 * np.roll(chords, int(0.011 * RATE))
    for channel in (left, right):
        channel[: len(voice)] += 0.9 * voice[: len(channel)]
    mix = np.stack([left, right], axis=1)
    mix *= 0.89 / np.max(np.abs(mix))
    beats = [round(n * BEAT, 6) for n in range(BARS * 4)]
    truth = {
        "title": "First Crate",
        "licence": "CC0-1.0",
        "sample_rate": RATE,
        "samples": len(mix),
        "bpm": BPM,
        "key": "A:min",
        "beats": beats,
        "downbeats": beats[::4],
        "chords": labels,
        "drums": hits,
        "notes": notes,
        "lyrics": [
            {"start": round(n * 2 * BAR + BEAT / 2, 6), "text": text}
            for n, text in enumerate(PHRASES)
        ],
    }
    return mix, truth


def _drums() -> tuple[Signal, list[dict[str, Any]]]:
    """Return a drum track and its hits: kick on 1 and 3, snare on 2 and 4, eighths on the hat."""
    track = np.zeros(int(LENGTH * RATE))
    hits: list[dict[str, Any]] = []
    noise = np.random.default_rng(96)
    for eighth in range(BARS * 8):
        start = eighth * BEAT / 2
        _add(track, 0.18 * _hat(noise), start)
        hits.append({"time": round(start, 6), "class": "closed_hat"})
        if eighth % 4 == 0 or eighth % 16 == 11:
            _add(track, 0.95 * _kick(), start)
            hits.append({"time": round(start, 6), "class": "kick"})
        if eighth % 4 == 2:
            _add(track, 0.6 * _snare(noise), start)
            hits.append({"time": round(start, 6), "class": "snare"})
    return track, hits


def _harmony() -> tuple[Signal, Signal, list[dict[str, Any]], list[dict[str, Any]]]:
    """Return bass, chords, the notes of both, and the chord of each bar."""
    bass = np.zeros(int(LENGTH * RATE))
    chords = np.zeros_like(bass)
    notes: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for bar in range(BARS):
        label, pitches, root = CHORDS[bar % len(CHORDS)]
        start = bar * BAR
        labels.append({"start": round(start, 6), "end": round(start + BAR, 6), "label": label})
        for beat, pitch in ((0, root), (1.5, root), (2, root + 7), (3, root)):
            length = 0.8 * BEAT
            _add(bass, _tone(pitch, length, harmonics=5, tilt=1.4), start + beat * BEAT)
            notes.append(_note("bass", pitch, start + beat * BEAT, length))
        for pitch in pitches:
            length = BAR * 0.95
            _add(chords, 0.5 * _tone(pitch, length, harmonics=8, tilt=1.1, slow=0.03), start)
            notes.append(_note("chords", pitch, start, length))
    return bass, chords, notes, labels


def _note(part: str, pitch: int, start: float, length: float) -> dict[str, Any]:
    return {
        "part": part,
        "pitch": pitch,
        "start": round(start, 6),
        "end": round(start + length, 6),
    }


def _add(track: Signal, sound: Signal, start: float) -> None:
    at = round(start * RATE)
    room = len(track) - at
    track[at : at + len(sound)] += sound[:room]


def _time(length: float) -> Signal:
    return np.arange(int(length * RATE)) / RATE


def _kick() -> Signal:
    t = _time(0.28)
    sweep = 2 * np.pi * (48 * t + 130 * 0.035 * (1 - np.exp(-t / 0.035)))
    return np.asarray(np.sin(sweep) * np.exp(-t / 0.11) * np.minimum(1, t / 0.001))


def _snare(noise: np.random.Generator) -> Signal:
    t = _time(0.2)
    rattle = np.diff(noise.standard_normal(len(t) + 1)) * np.exp(-t / 0.06)
    body = np.sin(2 * np.pi * 190 * t) * np.exp(-t / 0.04)
    return np.asarray(0.4 * rattle + 0.7 * body)


def _hat(noise: np.random.Generator) -> Signal:
    t = _time(0.06)
    bright = np.diff(noise.standard_normal(len(t) + 2), n=2)
    return np.asarray(0.5 * bright * np.exp(-t / 0.015))


def _tone(pitch: int, length: float, *, harmonics: int, tilt: float, slow: float = 0.006) -> Signal:
    """Return a plucked or held tone; harmonic `n` is `n**-tilt` as loud as the first."""
    t = _time(length)
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    tone = sum(
        (n**-tilt) * np.sin(2 * np.pi * n * frequency * t)
        for n in range(1, harmonics + 1)
        if n * frequency < RATE / 2
    )
    envelope = np.minimum(1, t / slow) * np.minimum(1, (length - t) / 0.03)
    return np.asarray(tone * envelope * np.exp(-t / (2.5 * length)))


def _render_voice(path: Path) -> None:
    """Speak the phrases, each from the half beat after its first downbeat."""
    track = np.zeros(int(LENGTH * RATE))
    for number, text in enumerate(PHRASES):
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = ["espeak-ng", "-v", "en-us", "-s", "150", "-p", "45", "-w", file.name, text]
            subprocess.run(command, check=True)  # noqa: S603
            speech, rate = soundfile.read(file.name)
        spoken = soxr.resample(speech, rate, RATE)
        _add(track, 0.5 * spoken / np.max(np.abs(spoken)), number * 2 * BAR + BEAT / 2)
    soundfile.write(path, track, RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
