"""Samples and kits for tests of the export, and a player for kits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contracts.tagging import SoundClass
from kit.arrays import AudioBlock, Mono
from kit.audio.decode import read, read_blocks
from kit.audio.encode import Encoder
from kit.audio.probe import probe
from kit.signal.spectra import Framing, magnitudes, mel_bands
from services.export.bundle import FileSource, Kit, Pad, PadLayer, Sample
from services.export.formats.acid_wav import acid_wav
from services.export.formats.aiff import aiff
from tests.support import signals

RATE = 44_100
ITEM = "01234567-89ab-7def-8123-456789abcdef"


def write_sample(folder: Path, name: str, audio: AudioBlock, **fields: Any) -> Sample:
    """Write audio, `[channels, samples]`, as FLAC and return it as a sample."""
    path = folder / f"{name}.flac"
    with Encoder(path, RATE, channels=len(audio)) as encoder:
        encoder.write(audio)
    peak = float(np.sqrt(np.mean(audio[0, : RATE // 100] ** 2)))
    fields.setdefault("level_dbfs", 20 * float(np.log10(max(peak, 1e-6))))
    return Sample(path=path, name=name, audio=probe(path), source=FileSource(item=ITEM), **fields)


def write_wav(path: Path, sample: Sample) -> None:
    """Write a sample as the WAV file of a bundle."""
    path.write_bytes(b"".join(acid_wav(sample, read_blocks(sample.path))))


def write_aiff(path: Path, sample: Sample) -> None:
    """Write a sample as the AIFF file of a bundle."""
    path.write_bytes(b"".join(aiff(sample, read_blocks(sample.path))))


def hit(frequency: float, seconds: float = 0.3, *, gain: float = 0.8) -> AudioBlock:
    """Return a decaying tone in stereo, the right channel 6 dB softer."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = gain * np.sin(2 * np.pi * frequency * time) * np.exp(-time * 12)
    fade = np.minimum(1, (seconds - time) / 0.005)
    return np.stack([tone * fade, tone * fade / 2]).astype(np.float32)


def drum_kit(folder: Path) -> Kit:
    """Return a kit of 16 pads: a snare with two velocity layers, one a round robin, and hats."""
    classes = [
        *(SoundClass.KICK, SoundClass.RIM, SoundClass.SNARE, SoundClass.CLAP, SoundClass.SNARE),
        *(SoundClass.TOM, SoundClass.CLOSED_HAT, SoundClass.TOM, SoundClass.CLOSED_HAT),
        *(SoundClass.TOM, SoundClass.OPEN_HAT, SoundClass.TOM, SoundClass.TOM),
        *(SoundClass.CRASH, SoundClass.TOM, SoundClass.RIDE),
    ]
    pads = []
    for index, sound in enumerate(classes):
        name = f"{index + 1:02} {sound.value}"
        sample = write_sample(folder, name, hit(100 + 70 * index), sound=sound, score=0.9)
        layers: tuple[PadLayer, ...] = (PadLayer(sample=sample),)
        if index == 2:
            soft = [
                write_sample(folder, f"{name} soft {number}", hit(1000.0 * number, gain=0.2))
                for number in (1, 2)
            ]
            layers = (
                *(PadLayer(sample=variant, high_velocity=63, gain_db=12.0) for variant in soft),
                PadLayer(sample=sample, low_velocity=64),
            )
        hat = sound in (SoundClass.CLOSED_HAT, SoundClass.OPEN_HAT)
        pads.append(
            Pad(
                name=name,
                layers=layers,
                note=36 + index,
                low_note=36 + index,
                high_note=36 + index,
                choke=1 if hat else None,
                pan=-0.5 if index == 5 else 0.0,
                gain_db=-3.0 if index == 3 else 0.0,
            )
        )
    return Kit(name="Test kit", pads=tuple(pads), bpm=120.0)


def instrument(folder: Path) -> Kit:
    """Return a pitched kit of two sampled notes, the upper one looped and 20 cents sharp."""
    low = write_sample(folder, "low", signals.tone(48, 0.6), pitch=signals.note_frequency(48))
    sharp = signals.note_frequency(60) * 2 ** (20 / 1200)
    time = np.arange(RATE) / RATE
    sustained = (0.5 * np.sin(2 * np.pi * sharp * time)).astype(np.float32)[None]
    start = round(20 * RATE / sharp)
    end = round(150 * RATE / sharp)
    high = write_sample(folder, "high", sustained, pitch=sharp, loop=(start, end))
    return Kit(
        name="Test keys",
        pads=(
            Pad(name="low", layers=(PadLayer(sample=low),), note=48, low_note=36, high_note=54),
            Pad(
                name="high",
                layers=(PadLayer(sample=high, tune_cents=-20.0),),
                note=60,
                low_note=55,
                high_note=72,
            ),
        ),
    )


def play(kit: Kit, seconds: float, files: Mapping[str, Path] | None = None) -> Mono:
    """Render a kit's groove and return the sum of its channels, `[samples]`, at 44.1 kHz.

    Each note plays the first layer of its velocity to its end, at 40 · log10(velocity / 127) dB.
    Samples of other rates are resampled.
    """
    mix = np.zeros(round(seconds * RATE), np.float32)
    pads = {pad.note: pad for pad in kit.pads}
    for note in kit.groove:
        pad = pads[note.pitch]
        layer = next(
            layer
            for layer in pad.layers
            if layer.low_velocity <= note.velocity <= layer.high_velocity
        )
        path = files[layer.sample.name] if files else layer.sample.path
        audio = read(path, RATE, mono=True)[0]
        gain = (note.velocity / 127) ** 2 * 10 ** ((pad.gain_db + layer.gain_db) / 20)
        start = round(note.start * RATE)
        part = mix[start : start + len(audio)]
        part += gain * audio[: len(part)]
    return mix


def likeness(first: Mono, second: Mono) -> float:
    """Return how alike two sounds of 44.1 kHz are in time, timbre and level, up to 1.

    The correlation of their levels in 40 mel bands, in dB over a range of 60 dB, every 10 ms.
    """
    framing = Framing.of_seconds(RATE, size=0.023, hop=0.01)
    bank = mel_bands(framing, low=40.0, high=16_000.0, bands=40)
    length = min(len(first), len(second))
    levels = []
    for audio in (first[:length], second[:length]):
        spectra = np.concatenate(list(magnitudes([audio[None]], framing)))
        levels.append(10 * np.log10(np.maximum((spectra**2) @ bank.T, 1e-12)))
    floor = max(level.max() for level in levels) - 60
    first_levels, second_levels = (np.maximum(level, floor).ravel() for level in levels)
    return float(np.corrcoef(first_levels, second_levels)[0, 1])
