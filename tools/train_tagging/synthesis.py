"""Synthesised drums, after the circuits of analogue drum machines.

Sampled kits hold few electronic drums. These are drawn at random within the ranges in which
such circuits are tuned: a falling sine for kicks, tone and noise for snares, a cluster of square
waves through a high-pass for hats and cymbals, bursts of noise for claps.
"""

import hashlib
from collections.abc import Callable, Iterator

import numpy as np

from kit.arrays import F64
from services.tagging.descriptors import RATE
from tools.train_tagging.sounds import Sound, broad
from tools.train_tagging.variations import generator

FAMILY = "synthesised"
_EACH = 40


def drums() -> Iterator[Sound]:
    """Yield the synthesised drums, always the same."""
    for label, synthesize in _MAKERS.items():
        for number in range(_EACH):
            # The drum network was trained on these sounds, when cowbells were percussion.
            audio = synthesize(generator(FAMILY, broad(label), str(number)))
            audio = np.asarray(0.9 * audio / np.abs(audio).max(), np.float32)
            yield Sound(
                kit=FAMILY,
                family=FAMILY,
                name=f"{label}-{number}",
                label=label,
                licence="",
                held_out=False,
                instrument=f"{FAMILY}/{label}/{number}",
                sha256=hashlib.sha256(np.round(audio * 32767).astype("<i2").tobytes()).hexdigest(),
                audio=audio,
            )


def _times(seconds: float) -> F64:
    return np.arange(int(seconds * RATE)) / RATE


def _between(chance: np.random.Generator, low: float, high: float) -> float:
    """Return a random number between two, log-uniform."""
    return float(low * (high / low) ** chance.random())


def _sweep(times: F64, end: float, ratio: float, fall: float) -> F64:
    """Return a sine whose frequency falls from `end · ratio` to `end` Hz."""
    return np.sin(2 * np.pi * np.cumsum(end * (1 + (ratio - 1) * np.exp(-times / fall))) / RATE)


def _filtered(audio: F64, low: float, high: float, slope: float = 4.0) -> F64:
    spectrum = np.fft.rfft(audio)
    hertz = np.maximum(np.fft.rfftfreq(audio.size, 1.0 / RATE), 1.0)
    below, above = np.minimum(1.0, hertz / low), np.minimum(1.0, high / hertz)
    return np.fft.irfft(spectrum * (below * above) ** slope, audio.size)


def _noise(chance: np.random.Generator, times: F64, low: float, high: float) -> F64:
    noise = _filtered(chance.standard_normal(times.size), low, high)
    return noise / max(float(np.abs(noise).max()), 1e-9)


def _metal(chance: np.random.Generator, times: F64, low: float) -> F64:
    """Return six square waves at unrelated frequencies through a high-pass, as in the TR-808."""
    base = _between(chance, 200.0, 700.0)
    tones = base * np.array([1.0, 1.342, 1.2312, 1.6532, 1.9523, 2.1523])
    tones *= 2 ** chance.uniform(-0.1, 0.1, 6)
    metal = np.sign(np.sin(2 * np.pi * np.outer(tones, times))).sum(axis=0)
    metal = _filtered(metal, low, 18_000.0)
    share = chance.random()
    clean = share * metal / np.abs(metal).max()
    return clean + (1 - share) * _noise(chance, times, low, 18_000.0)


def _kick(chance: np.random.Generator) -> F64:
    ring = _between(chance, 0.04, 0.5)
    times = _times(min(1.5, 6 * ring))
    end = _between(chance, 38.0, 75.0)
    body = _sweep(times, end, _between(chance, 1.3, 8.0), _between(chance, 0.004, 0.05))
    body *= np.exp(-times / ring)
    click = _noise(chance, times, 500.0, 9_000.0) * np.exp(-times / _between(chance, 0.001, 0.006))
    return np.tanh((body + chance.uniform(0.0, 0.5) * click) * _between(chance, 1.0, 5.0))


def _snare(chance: np.random.Generator) -> F64:
    ring, rattle = _between(chance, 0.03, 0.15), _between(chance, 0.04, 0.2)
    times = _times(6 * max(ring, rattle))
    pitch = _between(chance, 140.0, 340.0)
    body = _sweep(times, pitch, _between(chance, 1.0, 2.0), 0.01)
    body += 0.6 * _sweep(times, 1.6 * pitch, _between(chance, 1.0, 2.0), 0.01)
    noise = _noise(chance, times, _between(chance, 500.0, 3_000.0), _between(chance, 6e3, 16e3))
    return body * np.exp(-times / ring) * chance.uniform(0.1, 0.8) + noise * np.exp(-times / rattle)


def _clap(chance: np.random.Generator) -> F64:
    tail = _between(chance, 0.03, 0.2)
    times = _times(0.06 + 6 * tail)
    gap, bursts = chance.uniform(0.007, 0.014), int(chance.integers(3, 5))
    envelope = np.zeros_like(times)
    for burst in range(bursts):
        late = times - burst * gap
        fall = tail if burst == bursts - 1 else _between(chance, 0.002, 0.006)
        envelope += (late >= 0) * np.exp(-np.maximum(late, 0.0) / fall)
    middle = _between(chance, 800.0, 2_000.0)
    return envelope * _noise(chance, times, 0.6 * middle, 2.5 * middle)


def _rim(chance: np.random.Generator) -> F64:
    times = _times(0.15)
    low, ring = _between(chance, 350.0, 900.0), _between(chance, 0.003, 0.018)
    tones = np.sin(2 * np.pi * low * times)
    tones += np.sin(2 * np.pi * low * chance.uniform(2.0, 4.2) * times)
    noise = _noise(chance, times, 1_000.0, 12_000.0)
    return (tones + chance.uniform(0.0, 1.0) * noise) * np.exp(-times / ring)


def _closed_hat(chance: np.random.Generator) -> F64:
    ring = _between(chance, 0.008, 0.05)
    times = _times(0.05 + 7 * ring)
    return _metal(chance, times, _between(chance, 3_500.0, 9_000.0)) * np.exp(-times / ring)


def _open_hat(chance: np.random.Generator) -> F64:
    ring = _between(chance, 0.09, 0.35)
    times = _times(6 * ring)
    return _metal(chance, times, _between(chance, 3_500.0, 9_000.0)) * np.exp(-times / ring)


def _crash(chance: np.random.Generator) -> F64:
    ring = _between(chance, 0.4, 1.2)
    times = _times(min(4.0, 5 * ring))
    sound = _metal(chance, times, _between(chance, 1_500.0, 5_000.0)) * np.exp(-times / ring)
    burst = _noise(chance, times, 1_000.0, 14_000.0) * np.exp(-times / _between(chance, 0.03, 0.2))
    return sound + chance.uniform(0.3, 1.0) * burst


def _tom(chance: np.random.Generator) -> F64:
    ring = _between(chance, 0.08, 0.35)
    times = _times(6 * ring)
    body = _sweep(times, _between(chance, 75.0, 260.0), chance.uniform(1.0, 1.7), 0.05)
    noise = _noise(chance, times, 200.0, 4_000.0) * np.exp(-times / _between(chance, 0.005, 0.06))
    return body * np.exp(-times / ring) + chance.uniform(0.0, 0.3) * noise


def _cowbell(chance: np.random.Generator) -> F64:
    ring = _between(chance, 0.03, 0.2)
    times = _times(6 * ring)
    pitch = _between(chance, 450.0, 700.0)
    tones = [np.sign(np.sin(2 * np.pi * pitch * each * times)) for each in (1.0, 1.48)]
    sound = _filtered(np.sum(tones, axis=0), pitch, 4 * pitch)
    return sound / np.abs(sound).max() * np.exp(-times / ring)


_MAKERS: dict[str, Callable[[np.random.Generator], F64]] = {
    "kick": _kick,
    "snare": _snare,
    "clap": _clap,
    "rim": _rim,
    "closed_hat": _closed_hat,
    "open_hat": _open_hat,
    "crash": _crash,
    "tom": _tom,
    "cowbell": _cowbell,
}
