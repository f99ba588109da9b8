"""Simultaneous drums are detected by the levels of their bands."""

from pathlib import Path

import numpy as np
import pytest

from contracts.items import ArtifactKind
from contracts.midi import DrumMethod, MidiParams, Notes
from contracts.music import Stem
from contracts.tagging import SoundClass, Tags
from services.midi.drums import classify_hits
from services.midi.engine import Engine
from services.midi.handler import handle
from services.midi.layers import levels, simultaneous_hits
from tests.midi.test_drums import RATE, job_of, shot, slices_of, tag
from tests.support.single_job import audio_input, write_audio

TIME = np.arange(round(0.3 * RATE)) / RATE
RNG = np.random.default_rng(7)
KICK = np.sin(2 * np.pi * 55 * TIME) * np.exp(-TIME / 0.08)
HAT = np.diff(RNG.normal(0, 0.12, TIME.size + 1)) * np.exp(-TIME / 0.05)
SNARE = RNG.normal(0, 0.2, TIME.size) * np.exp(-TIME / 0.07)
SOUNDS = {"k": KICK, "h": HAT, "s": SNARE}
CLASSES = {"k": SoundClass.KICK, "h": SoundClass.CLOSED_HAT, "s": SoundClass.SNARE}
# The first letter is what the slice was tagged as.
ROCK = ("kh", "h", "s", "h", "k", "h", "sk", "h", "kh", "h", "s", "ks", "k", "h", "s", "k")


def recording(pattern: tuple[str, ...]) -> np.ndarray:
    out = np.zeros((len(pattern) + 2) * round(0.5 * RATE), np.float32)
    for index, letters in enumerate(pattern):
        at = round((0.2 + 0.5 * index) * RATE)
        for letter in letters:
            out[at : at + TIME.size] += (0.5 * SOUNDS[letter]).astype(np.float32)
    return out[None]


def pieces(pattern: tuple[str, ...]):
    shots = [shot(i, 0.2 + 0.5 * i, file=f"{i}.flac") for i in range(len(pattern))]
    return slices_of(*shots), [
        tag(f"{i}.flac", CLASSES[drums[0]]) for i, drums in enumerate(pattern)
    ]


def test_the_second_drum_is_found_and_no_other(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "drums.flac", recording(ROCK), RATE)
    slices, tags = pieces(ROCK)
    hits = classify_hits(slices, tags, only_drums=True)
    result = simultaneous_hits(hits, levels(path, hits, RATE))
    assert [(hit.piece.index, hit.drum) for hit in result] == [
        (i, CLASSES[drums[1]]) for i, drums in enumerate(ROCK) if len(drums) == 2
    ]
    assert all(0.5 <= hit.confidence <= 1 for hit in result)


def test_drums_that_never_sound_alone_are_not_searched_for(tmp_path: Path) -> None:
    pattern = ("kh", "kh", "h", "kh", "h", "kh", "h")
    path = write_audio(tmp_path / "drums.flac", recording(pattern), RATE)
    slices, tags = pieces(pattern)
    hits = classify_hits(slices, tags, only_drums=True)
    assert simultaneous_hits(hits, levels(path, hits, RATE)) == []


def test_levels_are_those_of_the_moment_whatever_the_blocks(tmp_path: Path) -> None:
    """Onsets in the same block, over the seam of two, and at the very end."""
    audio = np.zeros((1, 200_000), np.float32)
    starts = [1000, 1500, 65_000, 131_000, 199_900]
    for at in starts:
        end = min(at + TIME.size, audio.shape[1])
        audio[0, at:end] += 0.5 * KICK[: end - at].astype(np.float32)
    path = write_audio(tmp_path / "a.flac", audio, RATE)
    shots = [shot(i, at / RATE, file=f"{i}.flac") for i, at in enumerate(starts)]
    tags = [tag(f"{i}.flac", SoundClass.KICK) for i in range(len(starts))]
    result = levels(path, classify_hits(slices_of(*shots), tags, only_drums=True), RATE)
    assert result.shape == (5, 3)
    assert result[2:4, 0] == pytest.approx(result[2, 0], abs=0.1)
    assert result[4, 0] < result[3, 0] - 30


def test_a_job_that_is_given_the_stem_writes_both(tmp_path: Path, engine: Engine) -> None:
    slices, tags = pieces(ROCK)
    job = job_of(tmp_path, slices, Tags(samples=tuple(tags)))
    path = write_audio(tmp_path / "drums.flac", recording(ROCK), RATE)
    job.inputs = (*job.inputs, audio_input(path, stem=Stem.DRUMS))
    result = handle(MidiParams(drum_method=DrumMethod.TAGS), job, engine)
    assert result.notes == sum(map(len, ROCK))
    assert result.left_out == 0
    assert sum(result.classes.values()) == len(ROCK)
    document = next(o.path for o in job.outputs if o.kind is ArtifactKind.NOTES)
    notes = Notes.model_validate_json(document.read_bytes()).notes
    first = sorted(note.pitch for note in notes if abs(note.start - 0.2) < 0.01)
    assert first == [36, 42]
    assert [note.start for note in notes] == sorted(note.start for note in notes)
