"""Batches: drums over accompaniments, mixed anew as spectrograms in every step."""

import numpy as np

from kit.arrays import F32
from services.midi.strokes.features import BANDS, DRUMS, FRAMING, scaled
from tools.train_drums.grooves import Chance
from tools.train_drums.pieces import FRAMES, Pieces
from tools.train_tagging.variations import generator

CROP = 384
"""Frames of an example."""
BATCH = 24
_WITHOUT_MUSIC, _WITHOUT_DRUMS, _OTHER_MUSIC = 0.3, 0.12, 0.35
"""Shares of examples: drums alone, music alone, and drums over the music of another piece."""
_WIDTH = 0.8
"""Frames; standard deviation of a target around its stroke."""


class Targets:
    """What the network should say of each piece."""

    def __init__(self, pieces: Pieces) -> None:
        shape = (len(pieces.strokes), FRAMES, len(DRUMS))
        self.activation = np.zeros(shape, np.float16)
        self.velocity = np.zeros(shape, np.float16)
        for number, rows in enumerate(pieces.strokes):
            for time, drum, velocity in rows:
                place, column = time * FRAMING.rate, int(drum)
                for frame in range(int(place) - 1, int(place) + 3):
                    if 0 <= frame < FRAMES:
                        height = np.exp(-0.5 * ((frame - place) / _WIDTH) ** 2)
                        if height > self.activation[number, frame, column]:
                            self.activation[number, frame, column] = height
                            self.velocity[number, frame, column] = velocity


def batch(pieces: Pieces, targets: Targets, step: int) -> tuple[F32, F32, F32]:
    """Mix one batch; the same step is always the same batch.

    Returns
    -------
    tuple
        Spectrograms `[BATCH, CROP, BANDS]`, activations and velocities `[BATCH, CROP, drums]`.
    """
    chance = generator("drum batch", str(step))
    inputs = np.empty((BATCH, CROP, BANDS), np.float32)
    activation = np.zeros((BATCH, CROP, len(DRUMS)), np.float32)
    velocity = np.zeros_like(activation)
    count = len(pieces.strokes)
    for row in range(BATCH):
        number, start = int(chance.integers(count)), int(chance.integers(FRAMES - CROP))
        here = slice(start, start + CROP)
        kind = chance.random()
        drums = music = None
        if kind >= _WITHOUT_DRUMS:
            drums = coloured(chance, pieces.drums[number, here].astype(np.float32))
            activation[row] = targets.activation[number, here]
            velocity[row] = targets.velocity[number, here]
        if kind < _WITHOUT_DRUMS or kind >= _WITHOUT_DRUMS + _WITHOUT_MUSIC:
            if chance.random() < _OTHER_MUSIC:
                number, start = int(chance.integers(count)), int(chance.integers(FRAMES - CROP))
                here = slice(start, start + CROP)
            level = chance.uniform(-20.0, 4.0) if drums is not None else 0.0
            music = coloured(chance, pieces.music[number, here].astype(np.float32)) + level
        elif chance.random() < 0.4:
            # What a separator leaves of the others.
            bleed = chance.uniform(-45.0, -20.0)
            music = pieces.music[number, here].astype(np.float32) + bleed
        inputs[row] = mixed(chance, drums, music)
    return inputs, activation, velocity


def coloured(chance: Chance, decibels: F32) -> F32:
    """Draw a smooth equaliser over the bands."""
    knots = chance.normal(0.0, 3.5, 6)
    return decibels + np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 6), knots).astype(
        np.float32
    )


def mixed(chance: Chance, drums: F32 | None, music: F32 | None) -> F32:
    """Add spectrograms in decibels as powers, with a noise floor, at a random level."""
    slope = chance.uniform(-15.0, 15.0) * np.linspace(-0.5, 0.5, BANDS)
    floor = (chance.uniform(-105.0, -62.0) + slope).astype(np.float32)
    shape = next(part.shape for part in (drums, music) if part is not None)
    power = np.broadcast_to(_power(floor), shape).copy()
    power *= chance.exponential(1.0, shape).astype(np.float32) * 0.7 + 0.3
    for part in (drums, music):
        if part is not None:
            power += _power(part)
    gain = np.float32(10.0 ** (chance.uniform(-24.0, 0.0) / 10.0))
    spectrogram = scaled(power * gain)
    if chance.random() < 0.2:
        # A codec or a separator that knows nothing above some frequency.
        spectrogram[:, int(chance.integers(62, BANDS)) :] = 0.0
    return spectrogram


def _power(decibels: F32) -> F32:
    return np.asarray(10.0 ** (decibels / np.float32(10.0)), np.float32)
