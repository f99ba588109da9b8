"""Drum notes of recordings with other instruments, and of music without drums.

`python -m benchmarks.drums` prints these tables below that of the drum tracks.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.analysis_cases import Case, read_mono
from benchmarks.drum_answers import (
    NAMES,
    THREE,
    Counts,
    Events,
    counts,
    difference,
    f_score,
    sliced,
    tagged,
    truth_of,
    written,
)
from benchmarks.environments import few
from benchmarks.midi import Peer
from contracts.items import ArtifactKind
from contracts.jobs import TaskName
from contracts.midi import DrumMethod
from contracts.music import Stem
from contracts.separation import SeparationParams
from kit.service import resolve
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.midi.strokes.notes import detect
from tests.support.single_job import audio_input, single_job, write_audio

SONGS = {"Hendrix": "mdb_stems", "Reggae": "mdb_stems", "Rock": "mdb_stems", "Country1": "mdb_raw"}
_REST = ("bass", "other", "vocals")
GROUPS: Mapping[str, tuple[str, ...]] = {
    "true drum stems": ("drums",),
    "mixes": ("drums", *_REST),
    "mixes without voice": ("drums", "bass", "other"),
}
_LIGHT = "accompaniments of the light separator"
_DRUMLESS = {
    "saxophones": "audio_midi/filosax/P*/*",
    "a piano": "audio_midi/madmom_piano/*",
    "strings, a trumpet, a guitar": "key_chords/**/*",
    "singers alone": "vocals_lyrics/vocadito/*",
    "speech": "speech/**/*",
}
_SECONDS = 60


def song(data: Path, name: str, parts: tuple[str, ...]) -> tuple[Case, Events]:
    """Return the sum of a song's true stems, and its annotated hits."""
    folder = data / "separation" / SONGS[name] / name
    stems = [read_mono(folder / f"{part}.flac") for part in parts]
    audio = np.sum([stem for stem, _ in stems], axis=0, dtype=np.float32)
    info = folder / "info.json"
    shift = float(json.loads(info.read_text())["offset_s"]) if info.is_file() else 0.0
    rate = stems[0][1]
    truth = truth_of(data / "drum_transcription" / "mdb" / name)
    inside = {
        drum: [time - shift for time in times if shift <= time < shift + audio.size / rate]
        for drum, times in truth.items()
    }
    return Case(name, "songs", audio, rate), inside


def accompaniment(case: Case, folder: Path, service: Any, engine: object) -> Case:
    """Return a mix without its voice, by the light separator."""
    scratch = folder / "separation"
    scratch.mkdir()
    path = write_audio(scratch / "song.flac", np.clip(case.audio[None], -1, 1), case.rate)
    job = single_job(scratch, [audio_input(path)])
    resolve(service.handler)(SeparationParams(previews=False), job, engine)
    stem = next(
        output.path
        for output in job.outputs
        if output.kind is ArtifactKind.STEM and output.stem is Stem.ACCOMPANIMENT
    )
    audio, rate = read_mono(stem)
    return replace(case, audio=audio, rate=rate)


def mixed_table(
    data: Path, engines: Mapping[TaskName, object], scratch: Path, judge: Peer
) -> Iterator[str]:
    """Yield Markdown: F of stems and mixes, and the notes that are written without any drum."""
    service = resolve("services.separation.service:SERVICE")
    weights = open_store(KitSettings()).verified(read_manifest(service.weights))
    separator = resolve(service.engine)(EngineContext(weights=weights))
    yield "| drum notes, F at 50 ms | n | 3 classes: network | tags | 6 classes: network | tags |"
    yield "|---|---|---|---|---|---|"
    remarks: list[str] = []
    for group in (*GROUPS, _LIGHT):
        three: list[list[list[Counts]]] = []
        six: list[list[list[Counts]]] = []
        for name in few(SONGS):
            folder = scratch / f"{group} {name}"
            folder.mkdir()
            case, truth = song(data, name, GROUPS.get(group, GROUPS["mixes"]))
            if group == _LIGHT:
                case = accompaniment(case, folder, service, separator)
            stem = Stem.DRUMS if group == "true drum stems" else Stem.ACCOMPANIMENT
            slicing = sliced(case, folder, engines[TaskName.SLICING], stem)
            tags = tagged(slicing, folder, engines[TaskName.TAGGING])
            scores = [
                {drum: counts(truth[drum], estimate[drum], judge) for drum in NAMES}
                for estimate in (
                    written(slicing, tags, folder, engines[TaskName.MIDI], method)
                    for method in (DrumMethod.NETWORK, DrumMethod.TAGS)
                )
            ]
            three.append([[score[drum] for drum in THREE] for score in scores])
            six.append([list(score.values()) for score in scores])
        cells = [
            f"{f_score([row for song_rows in some for row in song_rows[method]]):.3f}"
            for some in (three, six)
            for method in (0, 1)
        ]
        bold, plain, bold_six, plain_six = cells
        yield f"| {group} | {len(three)} | **{bold}** | {plain} | **{bold_six}** | {plain_six} |"
        remarks += [
            f"{group}, {label}: {difference([[f_score(rows) for rows in each] for each in some])}."
            for label, some in (("3 classes", three), ("6 classes", six))
        ]
    yield ""
    yield from remarks
    yield ""
    yield from _invented(data, engines, scratch)


def _invented(data: Path, engines: Mapping[TaskName, object], scratch: Path) -> Iterator[str]:
    """Yield how many drum notes are written where nobody drums."""
    engine: Any = engines[TaskName.MIDI]
    yield "| music and speech without drums | recordings | with drum notes | notes |"
    yield "|---|---|---|---|"
    for group in (*_DRUMLESS, "songs without their drums"):
        numbers = []
        for case in few(_drumless(data, group)):
            path = write_audio(scratch / "drumless.flac", case.audio[None], case.rate)
            detected = detect(engine.drums, path, mixture=True, on_progress=lambda _: None)
            numbers.append(len(detected))
        if numbers:
            some = sum(number > 0 for number in numbers)
            yield f"| {group} | {len(numbers)} | {some} | {sum(numbers)} |"


def _drumless(data: Path, group: str) -> Iterator[Case]:
    if group not in _DRUMLESS:
        for name in SONGS:
            yield song(data, name, _REST)[0]
        return
    for path in sorted(data.glob(_DRUMLESS[group])):
        if path.suffix in (".flac", ".wav", ".ogg", ".mp3"):
            audio, rate = read_mono(path)
            yield Case(path.stem, group, np.clip(audio[: _SECONDS * rate], -1, 1), rate)
