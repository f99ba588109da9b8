"""What polarity, a tempo change and a detuned instrument do to results, on generated music.

`python -m benchmarks.invariance` prints the figures; `--write` also puts them into
docs/performance.md. Three questions:

- Polarity: a song with equal channels against the same song with one channel inverted, and with
  its lead (a melody or a voice) in the side signal only, where the mean of the channels loses it.
- Tempo: drums that change from 100 to 130 BPM.
- Tuning: scales on several instruments, up to a quarter tone sharp or flat.

All material is synthesised from known notes, so every truth is exact; recordings are harder.
"""

import argparse
import io
import itertools
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from benchmarks.environments import ROOT, few, write_figures
from benchmarks.midi_cases import RATE, VOICES, Note, play
from benchmarks.transcribe_cases import aligned, plain
from contracts.analysis import Analysis, AnalysisParams, ChordSegment
from contracts.midi import MidiParams
from contracts.midi import Notes as DetectedNotes
from contracts.music import Stem
from contracts.separation import SeparationParams
from contracts.transcribe import TranscribeParams
from examples.song.make import BAR, BARS, BEAT, BPM, CHORDS
from kit.arrays import AudioBlock, Mono
from kit.service import WorkerService, resolve
from kit.settings import KitSettings
from kit.weights.manifest import read_manifest
from kit.weights.store import open_store
from kit.worker.engines import EngineContext
from kit.worker.outcomes import Skipped
from tests.support.signals import drum_loop, drum_song
from tests.support.single_job import audio_input, single_job, write_audio

SONG = ROOT / "examples" / "song"
TRANSPOSITIONS = (0, 2, 5, -3)
"""Semitones by which each generated song is above A minor."""
LEADS = ("flute", "strings", "clarinet", "singer")
SCALE = (0, 2, 3, 5, 7, 8, 10)
PENTATONIC = (69, 72, 74, 76, 79, 81)
BARS_AT_ONE_TEMPO = (8, 12, 16, 24)
"""Bars before and after each tempo change, so that sections of several lengths are measured."""
TEMPI = (100.0, 130.0)
SCALE_INSTRUMENTS = ("piano", "guitar", "flute", "strings", "organ", "clarinet")
CENTS = (-50, -35, -20, 0, 20, 35, 50)
EQUAL = "R = L"
BEAT_WINDOW, NOTE_WINDOW = 0.07, 0.05
"""Seconds within which a beat and the onset of a note count as right."""

Event = tuple[float, int]
"""A time in seconds and a pitch; beats have pitch 0."""


@dataclass(frozen=True, slots=True)
class Song:
    """A generated song in parts, `[samples]` each, and its notes."""

    name: str
    drums: Mono
    harmony: Mono
    """Bass and chords."""
    lead: Mono
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class LoadedService:
    """A service with its engine loaded."""

    service: WorkerService
    engine: Any

    @classmethod
    def load(cls, word: str) -> "LoadedService":
        """Load a service's engine with its default weights."""
        service: WorkerService = resolve(f"services.{word}.service:SERVICE")
        weights: dict[str, Path] = {}
        if service.weights is not None:
            weights = open_store(KitSettings()).verified(read_manifest(service.weights))
        engine = resolve(service.engine)(EngineContext(weights=weights, threads=2))
        return cls(service, engine)

    def document(
        self, audio: AudioBlock, params: object, name: str, *, stem: Stem | None = None
    ) -> bytes | None:
        """Run a job on audio; return one of its files, or `None` if the job was skipped."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            path = write_audio(folder / "in.flac", audio, RATE)
            job = single_job(folder, [audio_input(path, stem=stem)])
            try:
                resolve(self.service.handler)(params, job, self.engine)
            except Skipped:
                return None
            return next(item.path for item in job.outputs if item.name == name).read_bytes()


def songs() -> Iterator[Song]:
    """Yield songs of drums, bass, chords and a lead: the demo's progression in several keys."""
    for number, (shift, lead) in enumerate(zip(TRANSPOSITIONS, LEADS, strict=True)):
        bass: list[Note] = []
        chords: list[Note] = []
        for bar in range(BARS):
            _, pitches, root = CHORDS[bar % len(CHORDS)]
            start = 0.1 + bar * BAR
            for beat, pitch in ((0, root), (1.5, root), (2, root + 7), (3, root)):
                at = start + beat * BEAT
                bass.append(Note(at, at + 0.8 * BEAT, pitch + shift - 12))
            chords += [Note(start, start + 0.95 * BAR, pitch + shift) for pitch in pitches]
        rng = np.random.default_rng(number)
        melody = [
            Note(at, at + 0.85 * BEAT, int(rng.choice(PENTATONIC)) + shift)
            for at in 0.1 + BEAT * np.arange(4 * BARS)
        ]
        yield Song(
            f"{shift:+d}",
            drum_loop(BPM, BARS, sample_rate=RATE, seed=number).audio[0],
            _sum(
                play(tuple(bass), VOICES["guitar"], seed=1),
                play(tuple(chords), VOICES["piano"], seed=2),
            ),
            play(tuple(melody), VOICES[lead], seed=3),
            tuple(sorted([*bass, *chords, *melody], key=lambda note: note.start)),
        )


def variants(band: Mono, lead: Mono) -> dict[str, AudioBlock]:
    """Return a song `[2, samples]` with equal channels, opposite ones, and its lead in the side."""
    length = max(band.size, lead.size)
    band, lead = (np.pad(part, (0, length - part.size)) for part in (band, lead))
    stereo = {
        EQUAL: np.stack([band + lead, band + lead]),
        "R = -L": np.stack([band + lead, -band - lead]),
        "lead in the side": np.stack([band + lead, band - lead]),
    }
    peak = max(float(np.abs(audio).max()) for audio in stereo.values())
    return {name: (0.89 / peak * audio).astype(np.float32) for name, audio in stereo.items()}


def f_measure(truth: Sequence[Event], detected: Sequence[Event], within: float) -> float:
    """Return F1 of a one-to-one matching of events with the same pitch, by their times."""
    by_pitch: dict[int, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for side, events in enumerate((truth, detected)):
        for time, pitch in sorted(events):
            by_pitch[pitch][side].append(time)
    matches = 0
    for known, others in by_pitch.values():
        # Windows of one width in order of time: taking the earliest match is a maximum matching.
        index = 0
        for time in known:
            while index < len(others) and others[index] < time - within:
                index += 1
            if index < len(others) and others[index] <= time + within:
                matches += 1
                index += 1
    total = len(truth) + len(detected)
    return 2 * matches / total if total else 1.0


def overlap(truth: Sequence[ChordSegment], other: Sequence[ChordSegment]) -> float:
    """Return the share of the time, 0 to 1, in which two lists have the same chord."""
    edges = sorted({edge for segment in (*truth, *other) for edge in (segment.start, segment.end)})
    same = 0.0
    for start, end in itertools.pairwise(edges):
        labels = {_chord_at(chords, (start + end) / 2) for chords in (truth, other)}
        same += (end - start) * (len(labels) == 1)
    return same / (edges[-1] - edges[0])


def _chord_at(chords: Sequence[ChordSegment], time: float) -> str:
    return next((c.chord for c in chords if c.start <= time < c.end), "N")


def _sum(*parts: Mono) -> Mono:
    out = np.zeros(max(part.size for part in parts), np.float32)
    for part in parts:
        out[: part.size] += part
    return out


def harmony_table(material: Sequence[Song]) -> Iterator[str]:
    """Yield a Markdown table of notes, key and chords by polarity."""
    midi, analysis = LoadedService.load("midi"), LoadedService.load("analysis")
    rows: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for song in material:
        truth = [(note.start, note.pitch) for note in song.notes]
        tonal = variants(0.5 * song.harmony, 0.5 * song.lead)
        mixed = variants(_band(song), 0.5 * song.lead)
        notes = {name: _notes(midi, audio) for name, audio in tonal.items()}
        analyses = {name: _analysis(analysis, audio) for name, audio in mixed.items()}
        for name in tonal:
            rows[name].append(
                (
                    f_measure(truth, notes[name], NOTE_WINDOW),
                    f_measure(notes[EQUAL], notes[name], NOTE_WINDOW),
                    overlap(analyses[EQUAL].chords, analyses[name].chords),
                    float(_key(analyses[name]) == _key(analyses[EQUAL])),
                )
            )
    yield (
        f"| polarity, {len(material)} songs | notes, onset F | notes, F against {EQUAL} | "
        f"chords as with {EQUAL}, share of time | key as with {EQUAL} |"
    )
    yield "|---|---|---|---|---|"
    for name, row in rows.items():
        *scores, keys = zip(*row, strict=True)
        means = " | ".join(f"{statistics.fmean(values):.3f}" for values in scores)
        yield f"| {name} | {means} | {sum(keys):.0f} of {len(row)} |"


def words_table(material: Sequence[Song]) -> Iterator[str]:
    """Yield a Markdown table of the words of songs, and of their vocal stems, by polarity."""
    transcribe, separation = LoadedService.load("transcribe"), LoadedService.load("separation")
    voice, rate = soundfile.read(SONG / "voice.flac", dtype="float32")
    assert rate == RATE
    lyrics = json.loads((SONG / "truth.json").read_text(encoding="utf-8"))["lyrics"]
    spoken = plain(" ".join(line["text"] for line in lyrics))
    rows: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for song in material:
        mixed = variants(0.5 * _band(song), voice)
        stems = {name: _vocals(separation, audio) for name, audio in mixed.items()}
        for source, stem, inputs in (("song", None, mixed), ("vocal stem", Stem.VOCALS, stems)):
            words = {name: _words(transcribe, audio, stem) for name, audio in inputs.items()}
            for name, text in words.items():
                edits, _ = aligned(spoken, text)
                rows[source, name].append((edits / len(spoken), text == words[EQUAL]))
    yield f"| polarity, {len(material)} songs | words of the | word error rate | as with {EQUAL} |"
    yield "|---|---|---|---|"
    for (source, name), row in rows.items():
        errors, same = zip(*row, strict=True)
        yield f"| {name} | {source} | {statistics.fmean(errors):.3f} | {sum(same)} of {len(row)} |"


def _band(song: Song) -> Mono:
    return _sum(0.7 * song.drums, 0.5 * song.harmony)


def _notes(midi: LoadedService, audio: AudioBlock) -> list[Event]:
    document = midi.document(audio, MidiParams(), "notes.json")
    notes = DetectedNotes.model_validate_json(document).notes if document else ()
    return [(note.start, note.pitch) for note in notes]


def _analysis(analysis: LoadedService, audio: AudioBlock) -> Analysis:
    document = analysis.document(audio, AnalysisParams(images=()), "analysis.json")
    assert document is not None
    return Analysis.model_validate_json(document)


def _key(analysis: Analysis) -> str:
    return analysis.key.best.key if analysis.key else "none"


def _vocals(separation: LoadedService, audio: AudioBlock) -> AudioBlock:
    document = separation.document(audio, SeparationParams(previews=False), "vocals.flac")
    assert document is not None
    samples, _ = soundfile.read(io.BytesIO(document), dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples.T)


def _words(transcribe: LoadedService, audio: AudioBlock, stem: Stem | None) -> list[str]:
    params = TranscribeParams(language="en")
    document = transcribe.document(audio, params, "lyrics.json", stem=stem)
    lines = json.loads(document)["lines"] if document else []
    return plain(" ".join(line["text"] for line in lines))


def tempo_table(lengths: Sequence[int]) -> Iterator[str]:
    """Yield a Markdown table of the tempo sections and beats of drums that change their tempo."""
    analysis = LoadedService.load("analysis")
    before, after = TEMPI
    yield (
        f"| {before:g} → {after:g} BPM, bars of each | tempo sections, BPM | change late by, ms | "
        "beats, F |"
    )
    yield "|---|---|---|---|"
    for bars in lengths:
        audio, beats = drum_song((before, bars), (after, bars), sample_rate=RATE)
        estimate = _analysis(analysis, audio)
        sections = estimate.tempo.changes if estimate.tempo else ()
        named = ", ".join(f"{section.bpm:.1f}" for section in sections) or "one tempo"
        late = (
            str(round(1000 * (sections[1].start - beats[4 * bars]))) if len(sections) == 2 else "–"
        )
        score = f_measure(
            [(beat, 0) for beat in beats], [(beat.time, 0) for beat in estimate.beats], BEAT_WINDOW
        )
        yield f"| {bars} | {named} | {late} | {score:.3f} |"


def tuning_table(instruments: Sequence[str]) -> Iterator[str]:
    """Yield a Markdown table of the notes detected in scales that are out of tune."""
    midi = LoadedService.load("midi")
    yield "| scales, cents sharp | notes played | detected | doubled | missed | onset F |"
    yield "|---|---|---|---|---|---|"
    for cents in CENTS:
        played = detected = doubled = missed = 0
        # Faster playback raises the pitch, as on a tape.
        speed = 2 ** (cents / 1200)
        for number, name in enumerate(instruments):
            scale = _scale(48 + 2 * number)
            audio = soxr.resample(play(scale, VOICES[name], seed=number), RATE * speed, RATE)
            notes = _notes(midi, np.asarray(audio, np.float32)[None])
            played, detected = played + len(scale), detected + len(notes)
            for note in scale:
                pitches = {
                    pitch
                    for time, pitch in notes
                    if abs(time - note.start / speed) <= NOTE_WINDOW
                    and abs(pitch - note.pitch - cents / 100) <= 1
                }
                doubled += len(pitches) > 1
                # Halfway between two pitches both are as near.
                missed += not any(abs(p - note.pitch - cents / 100) <= 0.5 for p in pitches)
        score = 2 * (played - missed) / (played + detected)
        yield f"| {cents:+d} | {played} | {detected} | {doubled} | {missed} | {score:.3f} |"


def _scale(lowest: int) -> tuple[Note, ...]:
    """Return two octaves of a minor scale, a note every 0.4 s."""
    pitches = [lowest + 12 * octave + step for octave in range(2) for step in SCALE]
    return tuple(
        Note(0.3 + 0.4 * index, 0.65 + 0.4 * index, pitch) for index, pitch in enumerate(pitches)
    )


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print the figures and, with `--write`, update docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.invariance", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the figures into the page")
    args = parser.parse_args(arguments)
    tables = (
        harmony_table(few(songs())),
        words_table(few(songs())),
        tempo_table(few(BARS_AT_ONE_TEMPO)),
        tuning_table(few(SCALE_INSTRUMENTS)),
    )
    text = "\n\n".join("\n".join(table) for table in tables)
    print(text)
    if args.write:
        write_figures(ROOT / "docs" / "performance.md", text, name="invariance")


if __name__ == "__main__":
    main(sys.argv[1:])
