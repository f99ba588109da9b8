"""Recorded voices with labels of their notes or of their pitch, for the monophonic tracker.

None of them chose a constant by its score; they were listened to and counted while the end of a
note was decided, so they are not quite unseen.
"""

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.midi_cases import RATE, Audio, Note
from benchmarks.midi_monophonic_cases import LineCase
from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.separation import SeparationParams
from kit.service import resolve
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from tests.support.single_job import audio_input, single_job, write_audio

_SECONDS = 120


@dataclass(frozen=True, slots=True)
class VoiceStem:
    """A true vocal stem and its annotated pitch: (seconds, MIDI note with a fraction)."""

    name: str
    audio: Audio
    pitch: tuple[tuple[float, float], ...]


def karaoke(data: Path) -> Iterator[LineCase]:
    """Yield vocals that the light separator took out of UltraStar songs, with their syllables.

    The labels are good to about 0.1 s, and their octaves are unreliable.
    """
    folder = data / "vocals_lyrics" / "ultrastar" / "shared"
    if not folder.is_dir():
        return
    service = resolve("services.separation.service:SERVICE")
    weights = open_store(KitSettings()).verified(read_manifest(service.weights))
    engine = resolve(service.engine)(EngineContext(weights=weights, threads=2))
    handle = resolve(service.handler)
    for song in sorted(folder.iterdir()):
        audio, rate = soundfile.read(next(song.glob("audio.*")), dtype="float32", always_2d=True)
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            mix = np.clip(audio[: _SECONDS * rate].T, -1, 1)
            path = write_audio(scratch / "song.flac", mix, rate)
            job = single_job(scratch, [audio_input(path)])
            handle(SeparationParams(previews=False), job, engine)
            vocals = _mono(
                next(
                    output.path
                    for output in job.outputs
                    if output.kind is ArtifactKind.STEM and output.stem is Stem.VOCALS
                )
            )
        with (song / "syllables.csv").open(encoding="utf-8") as file:
            rows = [
                Note(float(row["start"]), float(row["end"]), int(row["midi_pitch"]))
                for row in csv.DictReader(file)
            ]
        notes = tuple(note for note in rows if note.end < len(vocals) / RATE)
        yield LineCase(
            song.name, "songs, separated", "held_out", vocals, notes,
            tolerance=0.1, pitch_classes=True,
        )  # fmt: skip


def voice_stems(data: Path) -> Iterator[VoiceStem]:
    """Yield true vocal stems whose pitch MedleyDB annotates."""
    folder = data / "audio_midi" / "medleydb_f0"
    for song in ("Hendrix", "Reggae", "Rock"):
        stem = data / "separation" / "mdb_stems" / song / "vocals.flac"
        if not stem.is_file() or not folder.is_dir():
            continue
        (path,) = (folder / song).glob("*STEM*.csv")
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
        pitch = tuple(
            (float(row[0]), float(69 + 12 * np.log2(float(row[1]) / 440)))
            for row in rows
            if float(row[1]) > 0
        )
        yield VoiceStem(song, _mono(stem), pitch)


def _mono(path: Path) -> Audio:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono: Audio = soxr.resample(audio.mean(axis=1), rate, RATE).astype(np.float32)
    return mono
