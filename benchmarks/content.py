"""Music, singing and speech: what the detectors of `tagging` find in recordings that are known.

`python -m benchmarks.content` prints how much of each kind of recording counts as what, beside
Silero's network for speech alone; `--tuned` does so for the material on which the limits in
`services/tagging/content.py` were chosen: prompts of Asterisk in five languages and music of games,
which it fetches as Debian packages. `--write` puts either table into the README.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile
import soxr

from benchmarks.environments import ROOT, few, shorter, test_data, write_figures
from contracts.tagging import ContentKind, TaggingParams, Tags, TagSource
from kit.arrays import Mono
from kit.service import resolve
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from services.tagging.content import shares
from services.tagging.engine import Engine
from services.tagging.voice_activity import RATE, VoiceActivity
from tests.support.single_job import audio_input, single_job, write_audio
from tools.train_tagging.packages import fetch_package

PACKAGES = ROOT / ".cache" / "training"
SECONDS = shorter(60)
MIN_SHARE = 0.1
"""Share of the time from which a kind of content counts as found."""
_MUSIC, _SINGING, _SPEECH = ContentKind.MUSIC, ContentKind.SINGING, ContentKind.SPEECH
_SONGS = ("mdb_stems/Reggae", "mdb_stems/Hendrix", "mdb_stems/Rock", "mdb_raw/Country1")
_UNSUNG = ("audio_midi", "drum_transcription", "key_chords", "onset_beat_tempo")
_SINGLE_NOTES = "salamander_notes"
_LANGUAGES = ("en", "es", "fr", "it", "ru")
_PROMPTS = 14
_SHORTEST_PROMPT = 36_000
"""Bytes: 4.5 s."""
_GAMES = (
    *("wesnoth-1.16-music", "supertux-data", "frozen-bubble-data", "extremetuxracer-data"),
    *("fretsonfire-songs-muldjord", "fretsonfire-songs-sectoid", "asterisk-moh-opsound-wav"),
)
_SHORTEST_MUSIC = 400_000
_PER_GAME = 25
_OPENING = 20.0
"""Seconds that are left out, where music of games is often quiet."""
_SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")
_PARTS = ("bass", "drums", "other")


@dataclass(frozen=True, slots=True)
class Case:
    """Mono audio `[samples]` at 16 kHz, and what it contains."""

    group: str
    audio: Mono
    truth: frozenset[ContentKind]


def cases(data: Path) -> Iterator[Case]:
    """Yield recordings of the test data, at most a minute of each."""
    speech = [read(path) for path in _audio_in(data / "speech")]
    yield from (Case("speech", audio, frozenset({_SPEECH})) for audio in few(speech))
    for path in few(_audio_in(data / "vocals_lyrics" / "vocadito")):
        yield Case("singers alone", read(path), frozenset({_SINGING}))
    backings = []
    for name in few(_SONGS):
        folder = data / "separation" / name
        parts = {part: read(folder / f"{part}.flac") for part in ("vocals", *_PARTS)}
        backings.append(np.sum([parts[part] for part in _PARTS], axis=0))
        yield Case("voices of songs", parts["vocals"], frozenset({_SINGING}))
        song = backings[-1] + parts["vocals"]
        yield Case("songs", song, frozenset({_MUSIC, _SINGING}))
        yield Case("songs without their voice", backings[-1], frozenset({_MUSIC}))
    for folder_name in ("jamendolyrics", "ultrastar"):
        for path in few(_audio_in(data / "vocals_lyrics" / folder_name)):
            yield Case("songs", read(path), frozenset({_MUSIC, _SINGING}))
    for folder_name in _UNSUNG:
        recordings = _audio_in(data / folder_name)
        for path in few([path for path in recordings if _SINGLE_NOTES not in path.parts]):
            yield Case("instruments and loops", read(path), frozenset({_MUSIC}))
    yield from _over_music(speech, backings)


def tuned() -> Iterator[Case]:
    """Yield the material on which the limits were chosen."""
    prompts, games = [], []
    for language in _LANGUAGES:
        folder = fetch_package(PACKAGES, f"asterisk-core-sounds-{language}-g722")
        long = [path for path in sorted(folder.rglob("*.g722")) if _bytes(path) > _SHORTEST_PROMPT]
        chosen = [path for path in long if "silence" not in str(path)]
        prompts += [read(path) for path in chosen[:: max(1, len(chosen) // _PROMPTS)][:_PROMPTS]]
    for package in _GAMES:
        folder = fetch_package(PACKAGES, package)
        long = [path for path in _audio_in(folder) if _bytes(path) > _SHORTEST_MUSIC]
        music = [read(path, start=_OPENING) for path in long if path.stem != "guitar"]
        games += [audio for audio in music if audio.size > _OPENING * RATE][:_PER_GAME]
    yield from (Case("prompts", audio, frozenset({_SPEECH})) for audio in few(prompts))
    yield from (Case("music of games", audio, frozenset({_MUSIC})) for audio in few(games))
    yield from _over_music([np.tile(prompt, 6) for prompt in prompts[::9]], games[::9])


def _over_music(voices: Sequence[Mono], backings: Sequence[Mono]) -> Iterator[Case]:
    for decibels in (0, -6, -12):
        for index, voice in enumerate(few(voices)):
            backing = backings[index % len(backings)]
            length = min(voice.size, backing.size, 30 * RATE)
            loud, soft = voice[:length] / _level(voice), backing[:length] / _level(backing)
            mixed = 0.1 * (loud + 10.0 ** (decibels / 20) * soft)
            group = f"speech over music at {decibels} dB"
            yield Case(group, mixed.astype(np.float32), frozenset({_MUSIC, _SPEECH}))


def _level(audio: Mono) -> float:
    return float(np.sqrt(np.square(audio).mean()))


def _bytes(path: Path) -> int:
    return path.stat().st_size


def _audio_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES)


def read(path: Path, *, start: float = 0.0) -> Mono:
    """Return at most a minute of a recording, mono at 16 kHz."""
    if path.suffix == ".g722":
        program = imageio_ffmpeg.get_ffmpeg_exe()
        command = [program, "-v", "error", "-f", "g722", "-i", path, "-f", "f32le", "-ac", "1", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        return np.frombuffer(raw, np.float32)
    with soundfile.SoundFile(path) as file:
        file.seek(min(file.frames, round(start * file.samplerate)))
        audio = file.read(SECONDS * file.samplerate, dtype="float32", always_2d=True)
        mono: Mono = soxr.resample(audio.mean(axis=1), file.samplerate, RATE).astype(np.float32)
        return mono


def measure(case: Case, engine: Engine) -> tuple[dict[ContentKind, float], float]:
    """Return the share of each kind in a recording's time, and Silero's own share of speech."""
    activity = VoiceActivity(engine.run_voice_activity)
    activity.feed(case.audio)
    params = TaggingParams(sources=(TagSource.CONTENT,))
    handle = resolve("services.tagging.handler:handle")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_audio(folder / "audio.flac", np.clip(case.audio, -1, 1)[None], RATE)
        job = single_job(folder, [audio_input(path)])
        handle(params, job, engine)
        output = next(output.path for output in job.outputs if output.path.suffix == ".json")
        tags = Tags.model_validate_json(output.read_bytes())
    return shares(tags.content, case.audio.size / RATE), float((activity.finish() > 0.5).mean())


def table(material: Iterator[Case]) -> str:
    """Return the table of what was found in each group."""
    service = resolve("services.tagging.service:SERVICE")
    weights = open_store(KitSettings()).verified(read_manifest(service.weights))
    engine = resolve(service.engine)(EngineContext(weights=weights, threads=2))
    groups: dict[tuple[str, frozenset[ContentKind]], list[tuple[dict[ContentKind, float], float]]]
    groups = {}
    for case in material:
        groups.setdefault((case.group, case.truth), []).append(measure(case, engine))
    lines = ["| recordings | n | music | singing | speech | speech by Silero alone |"]
    lines.append("|---|---:|---|---|---|---|")
    for (group, truth), measured in groups.items():
        cells = []
        for kind in ContentKind:
            values = [taken[kind] for taken, _ in measured]
            cell = _cell(values)
            cells.append(f"**{cell}**" if kind in truth else cell)
        alone = _cell([share for _, share in measured])
        lines.append(f"| {group} | {len(measured)} | {' | '.join(cells)} | {alone} |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ({sum(value >= MIN_SHARE for value in values)})"


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.content", description=__doc__)
    parser.add_argument("--tuned", action="store_true", help="the material of the limits")
    parser.add_argument("--write", action="store_true", help="put the table into the README")
    chosen = parser.parse_args(arguments)
    data = test_data()
    if data is None and not chosen.tuned:
        print("no recordings: set CRATEDIG_TEST_DATA to the folder of test data")
        return
    text = table(tuned() if chosen.tuned or data is None else cases(data))
    print(text)
    if chosen.write:
        name = "content-tuned" if chosen.tuned else "content"
        write_figures(ROOT / "services" / "tagging" / "README.md", text, name=name)


if __name__ == "__main__":
    main(sys.argv[1:])
