"""A voice-like song with known parts, the same every time: for real networks to work on."""

import numpy as np

from kit.arrays import F32

RATE = 44_100


def parts(seconds: float) -> tuple[F32, F32]:
    """Return a gliding, vibrating vowel and a band of bass, chords and hits, both stereo."""
    time = np.arange(round(seconds * RATE)) / RATE
    generator = np.random.default_rng(7)
    pitch = 220 * 2 ** (
        (4 * np.sin(2 * np.pi * 0.31 * time) + 0.3 * np.sin(2 * np.pi * 5.5 * time)) / 12
    )
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = np.zeros_like(time)
    for number in range(1, 24):
        formants = sum(
            np.exp(-(((number * pitch - centre) / width) ** 2))
            for centre, width in ((650, 160), (1080, 200), (2650, 350), (3300, 400))
        )
        voice += np.sin(number * phase) * formants / number**0.5
    voice *= 0.25 * (0.5 + 0.5 * np.sin(2 * np.pi * 0.8 * time) ** 2)
    band = np.zeros_like(time)
    for beat, start in enumerate(np.arange(0, seconds, 0.5)):
        local = np.maximum(0.0, time - start) * (time >= start)
        on = (time >= start) & (time < start + 0.5)
        band += 0.3 * on * np.sin(2 * np.pi * 55 * (1 + beat % 3 / 4) * local) * np.exp(-3 * local)
        band += 0.2 * on * generator.normal(size=time.size) * np.exp(-40 * local)
        for note in (262, 330, 392):
            band += 0.05 * on * np.sign(np.sin(2 * np.pi * note * local)) * np.exp(-2 * local)
    left = np.stack([voice, voice]), np.stack([band, 0.8 * np.roll(band, 220)])
    voiced, played = (part.astype(np.float32) for part in left)
    return voiced, played


def song(seconds: float) -> F32:
    """Return the two together."""
    voice, band = parts(seconds)
    return voice + band
