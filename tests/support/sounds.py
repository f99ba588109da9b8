"""Small sound files."""

from pathlib import Path

import numpy as np
import soundfile


def write_tone(
    path: Path, *, seconds: float = 1.0, frequency: float = 440.0, sample_rate: int = 44_100
) -> Path:
    """Write a stereo WAV with a sine of half full scale; every frequency gives other bytes."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    tone = 0.5 * np.sin(2 * np.pi * frequency * time)
    soundfile.write(path, np.stack([tone, tone], axis=1), sample_rate, subtype="PCM_16")
    return path
