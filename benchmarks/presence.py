"""What the gate before a vocal stem misses and what it lets through, on separated recordings.

`python -m benchmarks.presence` separates the test data with Spleeter, mixtures of true stems also
with their voice softer, and prints for each kind of material how often a voice was believed.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.environments import few, test_data
from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.separation import SeparationParams
from kit.arrays import AudioBlock
from kit.audio.presence import absence
from kit.service import resolve
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from tests.support.single_job import audio_input, single_job, write_audio

_SECONDS = 45
_SUNG = ("vocals_lyrics", "speech")
_UNSUNG = ("audio_midi", "drum_transcription", "key_chords", "onset_beat_tempo")
_SONGS = {"Reggae": "mdb_stems", "Hendrix": "mdb_stems", "Rock": "mdb_stems", "Country1": "mdb_raw"}


@dataclass(frozen=True, slots=True)
class Case:
    """A recording, and whether somebody sings or speaks in it."""

    group: str
    name: str
    voice: bool
    audio: AudioBlock
    rate: int


def _read(path: Path) -> tuple[AudioBlock, int]:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return audio[: _SECONDS * rate].T, int(rate)


def cases(data: Path) -> Iterator[Case]:
    """Yield recordings with and without a voice."""
    for group in (*_SUNG, *_UNSUNG):
        for path in sorted((data / group).rglob("*")):
            if path.suffix in (".flac", ".wav", ".ogg", ".mp3") and "salamander" not in str(path):
                yield Case(group, path.stem, group in _SUNG, *_read(path))
    for name, kind in _SONGS.items():
        folder = data / "separation" / kind / name
        rest = sum(_read(folder / f"{part}.flac")[0] for part in ("bass", "drums", "other"))
        voice, rate = _read(folder / "vocals.flac")
        yield Case("songs without their voice", name, False, rest, rate)
        for decibels in (0, -6, -12):
            group = f"songs, voice at {decibels} dB"
            yield Case(group, name, True, rest + 10 ** (decibels / 20) * voice, rate)


def main() -> None:
    """Run the benchmark and print the figures."""
    data = test_data()
    if data is None:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    service = resolve("services.separation.service:SERVICE")
    weights = open_store(KitSettings()).verified(read_manifest(service.weights))
    engine = resolve(service.engine)(EngineContext(weights=weights, threads=2))
    handle = resolve(service.handler)
    counts: dict[tuple[str, bool], list[str]] = {}
    totals: dict[tuple[str, bool], int] = {}
    for case in few(cases(data)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            song = write_audio(folder / "song.flac", np.clip(case.audio, -1, 1), case.rate)
            job = single_job(folder, [audio_input(song)])
            handle(SeparationParams(previews=False), job, engine)
            stem = next(
                output.path
                for output in job.outputs
                if output.kind is ArtifactKind.STEM and output.stem is Stem.VOCALS
            )
            believed = absence(stem, song, Stem.VOCALS) is None
        key = (case.group, case.voice)
        totals[key] = totals.get(key, 0) + 1
        if believed != case.voice:
            counts.setdefault(key, []).append(case.name)
    print("| material | n | wrong | which |\n|---|---|---|---|")
    for (group, voice), n in totals.items():
        wrong = counts.get((group, voice), [])
        kind = "missed" if voice else "invented"
        print(f"| {group} | {n} | {len(wrong)} {kind} | {', '.join(wrong)} |")


if __name__ == "__main__":
    main()
