"""Signals whose answers are known, because they were made from them.

Each is float32 `[channels, samples]`, within full scale, and the same for the same arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.arrays import AudioBlock

VOWELS = {
    "a": (730.0, 1090.0, 2440.0),
    "e": (530.0, 1840.0, 2480.0),
    "i": (270.0, 2290.0, 3010.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
}
"""First three formants of vowels in Hz: means over men, Peterson and Barney 1952, table II."""


@dataclass(frozen=True, slots=True)
class DrumLoop:
    """A drum loop and when each drum was struck.

    Parameters
    ----------
    audio
        `[1, samples]`.
    kicks, snares, hats
        Onsets in seconds.
    beats
        Beats in seconds, from 0.
    """

    audio: AudioBlock
    kicks: tuple[float, ...]
    snares: tuple[float, ...]
    hats: tuple[float, ...]
    beats: tuple[float, ...]


def _length(seconds: float, sample_rate: int) -> int:
    return round(seconds * sample_rate)


def _stereo(signal: NDArray[np.float64], channels: int) -> AudioBlock:
    return np.repeat(signal[None, :].astype(np.float32), channels, axis=0)


def silence(seconds: float, sample_rate: int = 44_100, *, channels: int = 1) -> AudioBlock:
    """Return digital silence, `[channels, samples]`."""
    return np.zeros((channels, _length(seconds, sample_rate)), np.float32)


def sine(
    frequency: float,
    seconds: float,
    *,
    sample_rate: int = 44_100,
    amplitude: float = 0.5,
    phase: float = 0.0,
    channels: int = 1,
) -> AudioBlock:
    """Return a sine.

    Parameters
    ----------
    frequency
        In Hz.
    seconds
        Length, rounded to a sample.
    sample_rate
        In Hz.
    amplitude
        Peak, 0 to 1.
    phase
        At the first sample, in radians.
    channels
        All alike.

    Returns
    -------
    NDArray[float32]
        `[channels, samples]`.
    """
    time = np.arange(_length(seconds, sample_rate)) / sample_rate
    return _stereo(amplitude * np.sin(2 * np.pi * frequency * time + phase), channels)


def noise(
    seconds: float,
    *,
    sample_rate: int = 44_100,
    amplitude: float = 0.25,
    channels: int = 1,
    seed: int = 0,
) -> AudioBlock:
    """Return uniform white noise within ±`amplitude`, `[channels, samples]`, channels apart."""
    rng = np.random.default_rng(seed)
    shape = (channels, _length(seconds, sample_rate))
    return rng.uniform(-amplitude, amplitude, shape).astype(np.float32)


def clicks(
    bpm: float, seconds: float, *, sample_rate: int = 44_100, first: float = 0.0
) -> tuple[AudioBlock, tuple[float, ...]]:
    """Return a metronome.

    Parameters
    ----------
    bpm
        Clicks a minute.
    seconds
        Length.
    sample_rate
        In Hz.
    first
        Time of the first click in seconds.

    Returns
    -------
    tuple
        `[1, samples]`, and the clicks' times in seconds. A click is 10 ms of a decaying 2 kHz tone
        that starts on the nearest sample.
    """
    length = _length(seconds, sample_rate)
    signal = np.zeros(length)
    time = np.arange(_length(0.01, sample_rate)) / sample_rate
    click = 0.9 * np.cos(2 * np.pi * 2000 * time) * np.exp(-time * 400)
    times = tuple(float(at) for at in np.arange(first, seconds, 60.0 / bpm))
    for at in times:
        _add(signal, click, at, sample_rate)
    return _stereo(signal, 1), times


def _add(signal: NDArray[np.float64], part: NDArray[np.float64], at: float, rate: int) -> None:
    start = round(at * rate)
    room = signal[start : start + len(part)]
    room += part[: len(room)]


def note_frequency(note: int) -> float:
    """Return the frequency in Hz of a MIDI note; 69 is 440 Hz."""
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def tone(
    note: int, seconds: float, *, sample_rate: int = 44_100, amplitude: float = 0.3
) -> AudioBlock:
    """Return a plucked note with eight falling harmonics, `[1, samples]`.

    Parameters
    ----------
    note
        MIDI number.
    seconds
        Length; it fades over the last 10 ms.
    sample_rate
        In Hz; harmonics above half of it are left out.
    amplitude
        Bound of the peak, 0 to 1.
    """
    time = np.arange(_length(seconds, sample_rate)) / sample_rate
    signal = np.zeros(len(time))
    weight = 0.0
    for harmonic in range(1, 9):
        frequency = harmonic * note_frequency(note)
        if frequency < sample_rate / 2:
            signal += np.sin(2 * np.pi * frequency * time) / harmonic**1.5
            weight += 1 / harmonic**1.5
    envelope = np.minimum(1, time / 0.005) * np.exp(-time * 1.5)
    envelope *= np.minimum(1, (seconds - time).clip(0) / 0.01)
    return _stereo(amplitude * signal * envelope / max(weight, 1.0), 1)


def chords(
    progression: Sequence[Sequence[int]],
    seconds_each: float,
    *,
    sample_rate: int = 44_100,
    amplitude: float = 0.6,
) -> AudioBlock:
    """Return chords, one after another.

    Parameters
    ----------
    progression
        Each chord as its MIDI notes, such as `(60, 64, 67)`.
    seconds_each
        Length of each; chord `n` starts at `n · seconds_each`.
    sample_rate
        In Hz.
    amplitude
        Bound of a chord's peak, 0 to 1.

    Returns
    -------
    NDArray[float32]
        `[1, samples]`.
    """
    signal = np.zeros(_length(seconds_each * len(progression), sample_rate))
    for index, chord in enumerate(progression):
        for note in chord:
            sound = tone(
                note, seconds_each, sample_rate=sample_rate, amplitude=amplitude / len(chord)
            )
            _add(signal, sound[0].astype(np.float64), index * seconds_each, sample_rate)
    return _stereo(signal, 1)


def drum_loop(
    bpm: float = 120.0, bars: int = 2, *, sample_rate: int = 44_100, seed: int = 0
) -> DrumLoop:
    """Return a drum loop in four: kick on 1 and 3, snare on 2 and 4, hats on eighths.

    Parameters
    ----------
    bpm
        Beats a minute.
    bars
        Of four beats each.
    sample_rate
        In Hz.
    seed
        Of the noise in snares and hats.

    Returns
    -------
    DrumLoop
        Audio that lasts exactly `bars` bars, and every onset.
    """
    rng = np.random.default_rng(seed)
    beat = 60.0 / bpm
    total = bars * 4
    signal = np.zeros(_length(total * beat, sample_rate))
    time = np.arange(_length(0.25, sample_rate)) / sample_rate
    sweep = 2 * np.pi * (50 * time + 100 / 30 * (1 - np.exp(-time * 30)))
    kick = 0.6 * np.sin(sweep) * np.exp(-time * 14)
    body = 0.4 * np.sin(2 * np.pi * 190 * time) * np.exp(-time * 25)
    snare = 0.5 * (rng.normal(0, 0.3, len(time)) * np.exp(-time * 20) + body)
    hat = np.diff(rng.normal(0, 0.06, len(time) + 1)) * np.exp(-time * 60)
    kicks = tuple(index * beat for index in range(total) if index % 2 == 0)
    snares = tuple(index * beat for index in range(total) if index % 2 == 1)
    hats = tuple(index * beat / 2 for index in range(total * 2))
    for times, drum in ((kicks, kick), (snares, snare), (hats, hat)):
        for at in times:
            _add(signal, drum, at, sample_rate)
    signal *= 0.9 / max(0.9, float(np.abs(signal).max()))
    beats = tuple(index * beat for index in range(total))
    return DrumLoop(_stereo(signal, 1), kicks, snares, hats, beats)


def drum_song(
    *parts: tuple[float, int], sample_rate: int = 44_100
) -> tuple[AudioBlock, list[float]]:
    """Return drum loops of several tempi, one after the other, and their beats.

    Parameters
    ----------
    parts
        Beats a minute and bars of each.
    sample_rate
        In Hz.

    Returns
    -------
    tuple
        `[1, samples]`, and the beats in seconds.
    """
    audio: list[AudioBlock] = []
    beats: list[float] = []
    now = 0.0
    for bpm, bars in parts:
        loop = drum_loop(bpm, bars, sample_rate=sample_rate)
        audio.append(loop.audio)
        beats += [now + beat for beat in loop.beats]
        now += loop.audio.shape[1] / sample_rate
    return np.concatenate(audio, axis=1), beats


def voice(
    vowels: str = "aeiou",
    *,
    seconds_each: float = 0.4,
    note: int = 48,
    sample_rate: int = 44_100,
    amplitude: float = 0.5,
) -> AudioBlock:
    """Return a voice-like line of vowels on one note.

    Parameters
    ----------
    vowels
        Letters of `VOWELS`.
    seconds_each
        Length of each vowel.
    note
        MIDI number of the fundamental; it has a vibrato of 5 Hz and ±0.3 semitones.
    sample_rate
        In Hz.
    amplitude
        Peak, 0 to 1.

    Returns
    -------
    NDArray[float32]
        `[1, samples]`.

    Notes
    -----
    Additive: harmonics of the fundamental, weighted by resonances of 80 Hz at the formants and by
    the glottis' 12 dB an octave.
    """
    per_vowel = _length(seconds_each, sample_rate)
    count = per_vowel * len(vowels)
    time = np.arange(count) / sample_rate
    pitch = note_frequency(note) * 2 ** (0.3 / 12 * np.sin(2 * np.pi * 5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    signal = np.zeros(count)
    highest = int(min(5000, sample_rate / 2 * 0.95) / note_frequency(note))
    for harmonic in range(1, highest + 1):
        frequency = harmonic * note_frequency(note)
        weights = [
            sum(1 / (1 + ((frequency - formant) / 80) ** 2) for formant in VOWELS[vowel])
            for vowel in vowels
        ]
        gain = np.repeat(np.array(weights) / harmonic, per_vowel)
        signal += gain * np.sin(harmonic * phase)
    edge = np.minimum(1, np.minimum(time, time[::-1]) / 0.02)
    signal *= edge
    peak = float(np.abs(signal).max()) or 1.0
    return _stereo(signal * amplitude / peak, 1)


def mix(*parts: AudioBlock) -> AudioBlock:
    """Return the sum of signals of the same channels, as long as the longest, scaled to fit."""
    length = max(part.shape[1] for part in parts)
    total = np.zeros((len(parts[0]), length), np.float32)
    for part in parts:
        total[:, : part.shape[1]] += part
    peak = float(np.abs(total).max())
    if peak > 0.99:
        total *= np.float32(0.99 / peak)
    return total
