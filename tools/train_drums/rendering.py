"""Audio of a groove: the strokes of a kit, its levels, and what a studio does to them."""

from collections.abc import Mapping, Sequence

import numpy as np
import soxr

from kit.arrays import F32, F64
from services.midi.strokes.features import RATE
from tools.train_drums.grooves import Chance, Stroke
from tools.train_drums.kits import Instrument

_LEVELS_DB = {
    "kick": -1.0,
    "snare": -2.0,
    "clap": -5.0,
    "rim": -7.0,
    "closed_hat": -14.0,
    "open_hat": -13.0,
    "tom": -4.0,
    "crash": -9.0,
    "ride": -14.0,
    "percussion": -9.0,
}
"""Usual peaks in a mix, relative to full scale."""
_SPREAD_DB = 4.5
_DECAY = 0.3
"""Share of drums whose ringing is damped."""


def drum_track(
    chance: Chance, strokes: Sequence[Stroke], kit: Mapping[str, list[Instrument]], seconds: float
) -> F64:
    """Render strokes as mono audio, `[samples]`."""
    length = int(seconds * RATE)
    dry, sent = np.zeros(length), np.zeros(length)
    voices = {
        drum: [_varied(chance, instrument) for instrument in some] for drum, some in kit.items()
    }
    gains = {drum: level + chance.normal(0.0, _SPREAD_DB) for drum, level in _LEVELS_DB.items()}
    sends = {drum: chance.uniform(0.0, 1.0) for drum in _LEVELS_DB}
    chokes = [s.time for s in strokes if s.drum in ("closed_hat", "open_hat")]
    softening = chance.uniform(0.0, 1.0)
    curve = chance.uniform(25.0, 40.0)
    for stroke in strokes:
        layers = voices[stroke.drum][stroke.voice % len(voices[stroke.drum])]
        place = stroke.velocity * len(layers) - 0.5 + chance.normal(0.0, 0.3)
        sound = layers[int(np.clip(round(place), 0, len(layers) - 1))]
        level = gains[stroke.drum] + curve * np.log10(stroke.velocity) + chance.normal(0.0, 0.7)
        if stroke.drum == "open_hat":
            sound = _choked(sound, stroke.time, chokes)
        if len(layers) < 3 and softening > 0.3 and stroke.velocity < 0.5:
            sound = _softened(sound, 1.0 - stroke.velocity)
        at = int(stroke.time * RATE)
        part = sound[: length - at] * 10 ** (level / 20.0)
        dry[at : at + part.size] += part
        sent[at : at + part.size] += sends[stroke.drum] * part
    if chance.random() < 0.65:
        dry = dry + reverberated(chance, sent)
    return dry


def _varied(chance: Chance, instrument: Instrument) -> list[F64]:
    semitones = chance.uniform(-2.5, 2.5) if chance.random() < 0.6 else 0.0
    damping = chance.uniform(0.08, 0.6) if chance.random() < _DECAY else 0.0
    layers = []
    for layer in instrument.layers:
        audio = layer.astype(np.float64)
        if semitones:
            rate = round(RATE / 2 ** (semitones / 12.0))
            audio = np.asarray(soxr.resample(layer, RATE, rate, "MQ"), np.float64)
        if damping:
            audio = audio * np.exp(-np.arange(audio.size) / (damping * RATE))
        # What is cut off at the end of a recording must not click.
        fade = min(audio.size, 220)
        audio[audio.size - fade :] *= np.linspace(1.0, 0.0, fade)
        layers.append(audio)
    return layers


def _choked(sound: F64, time: float, chokes: Sequence[float]) -> F64:
    """Let the next stroke on the hi-hat end an open one."""
    later = [other for other in chokes if other > time + 0.03]
    if not later:
        return sound
    end = int((min(later) - time) * RATE)
    if end >= sound.size:
        return sound
    tail = np.exp(-np.arange(sound.size - end) / (0.02 * RATE))
    return np.concatenate([sound[:end], sound[end:] * tail])


def _softened(sound: F64, amount: float) -> F64:
    """Take brightness from a stroke that is played softly."""
    smoothing = 0.25 * amount
    smoothed = np.copy(sound)
    smoothed[1:] = (1 - smoothing) * sound[1:] + smoothing * sound[:-1]
    return smoothed


def reverberated(chance: Chance, audio: F64) -> F64:
    """Return only the room's answer to a sound."""
    seconds = float(np.exp(chance.uniform(np.log(0.12), np.log(1.4))))
    count = int(seconds * RATE)
    times = np.arange(count) / count
    answer = chance.standard_normal(count) * np.exp(-6.9 * times)
    dull = chance.uniform(0.0, 0.85)
    for _ in range(2):
        answer[1:] = (1 - dull) * answer[1:] + dull * answer[:-1]
    early = int(chance.uniform(0.0, 0.025) * RATE)
    answer = np.concatenate([np.zeros(early), answer])
    answer *= 10 ** (chance.uniform(-22.0, -6.0) / 20.0) / np.sqrt((answer**2).sum())
    size = _fast(audio.size + answer.size)
    return np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(answer, size), size)[: audio.size]


def _fast(size: int) -> int:
    """Return a size at or above this one whose transform is fast."""
    power = 1 << int(np.ceil(np.log2(size)))
    return power if power * 3 // 4 < size else power * 3 // 4


def produced(chance: Chance, audio: F64) -> F32:
    """Colour, compress and saturate a track, and set its peak to 1."""
    audio = audio / max(float(np.abs(audio).max(initial=0.0)), 1e-9)
    if chance.random() < 0.75:
        audio = _coloured(chance, audio)
    if chance.random() < 0.55:
        audio = _compressed(chance, audio)
    if chance.random() < 0.3:
        drive = chance.uniform(1.0, 4.0)
        audio = np.tanh(audio / max(float(np.abs(audio).max()), 1e-9) * drive)
    return np.asarray(audio / max(float(np.abs(audio).max()), 1e-9), np.float32)


def _coloured(chance: Chance, audio: F64) -> F64:
    size = _fast(audio.size)
    spectrum = np.fft.rfft(audio, size)
    hertz = np.maximum(np.fft.rfftfreq(size, 1.0 / RATE), 20.0)
    octaves = np.log2(hertz / 800.0)
    gain = chance.uniform(-1.2, 1.2) * octaves
    for _ in range(int(chance.integers(1, 4))):
        centre, depth = chance.uniform(-4.5, 4.2), chance.normal(0.0, 4.0)
        gain += depth * np.exp(-(((octaves - centre) / chance.uniform(0.4, 1.2)) ** 2))
    if chance.random() < 0.2:
        cut = chance.uniform(9_000.0, 16_000.0)
        gain -= 40.0 * np.clip(np.log2(hertz / cut) * 4.0, 0.0, 2.0)
    spectrum *= 10 ** (np.clip(gain, -80.0, 14.0) / 20.0)
    return np.fft.irfft(spectrum, size)[: audio.size]


def _compressed(chance: Chance, audio: F64) -> F64:
    """Turn loud milliseconds down, and let the level come back slowly."""
    step = 64
    count = -(-audio.size // step)
    peaks = np.abs(np.pad(audio, (0, count * step - audio.size))).reshape(count, step).max(axis=1)
    level = 20 * np.log10(np.maximum(peaks, 1e-4))
    threshold = float(np.percentile(level, 95)) - chance.uniform(3.0, 15.0)
    over = np.maximum(0.0, level - threshold) * (1.0 - 1.0 / chance.uniform(1.5, 6.0))
    attack = float(np.exp(-step / (RATE * chance.uniform(0.001, 0.03))))
    release = float(np.exp(-step / (RATE * chance.uniform(0.05, 0.3))))
    reduction, held = np.empty(count), 0.0
    for place, target in enumerate(over):
        share = attack if target > held else release
        held = share * held + (1 - share) * target
        reduction[place] = held
    gains = 10 ** (-np.interp(np.arange(audio.size), np.arange(count) * step, reduction) / 20)
    return audio * gains
