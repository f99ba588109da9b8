"""One job: canonical audio or a vocal stem in, its words as files out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.transcribe import RemovedText, TranscribeParams, TranscribeResult
from kit.arrays import AudioBlock
from kit.audio.decode import resample_stream
from kit.audio.downmix import downmix
from kit.audio.mono_reader import MonoReader
from kit.worker.intake import Silent, mix_beside, open_input, reject_unreadable
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.transcribe import writers
from services.transcribe.dsp import (
    LevelEnvelope,
    correct_starts,
    loudest_level,
    part_at_pauses,
)
from services.transcribe.engine import Engine
from services.transcribe.hallucinations import Removed, filter_hallucinations
from services.transcribe.lines import RATE, Segment
from services.transcribe.streaming import Listener

SILENCE = 10 ** (-80 / 20)
"""Audio that never exceeds this is silent; levels above it are judged relative to the recording."""
SHORTEST = 0.3
"""Seconds; shorter audio has no words."""

_TEXT = 4000
_REMOVED = 50
_LISTENING = 0.97
_UNSUNG = frozenset({Stem.DRUMS, Stem.BASS, Stem.GUITAR, Stem.PIANO, Stem.ACCOMPANIMENT})


@reject_unreadable()
def handle(params: TranscribeParams, job: Job, engine: Engine) -> TranscribeResult:
    """Listen to the job's input and write its words."""
    given, mix = _voice_and_mix(job)
    if given.stem in _UNSUNG:
        raise Skipped("no_voice", f"A stem of {given.stem} has no words; take the vocals.")
    hearing = engine.open(params.weights)
    if params.language is not None and params.language not in hearing.languages:
        raise Rejected(
            "unknown_language",
            f"{hearing.weights} does not know the language {params.language!r}; leave it out to "
            f"have it detected, or choose one of: {', '.join(sorted(hearing.languages))}",
        )
    levels = _Levels()
    facts = open_input(given, mix, min_seconds=SHORTEST, measure=levels.measure)
    loudest = levels.loudest()
    listener = Listener(hearing, params.language, params.beam, loudest)
    peak, lines = _listen(job, listener, given, mix)
    if peak < SILENCE:
        raise Silent
    voice_levels = listener.loudness.levels()
    kept, removed = filter_hallucinations(
        lines, voice_levels, separated=given.stem is Stem.VOCALS, loudest_db=loudest
    )
    if params.keep_doubtful:
        kept = sorted(lines, key=lambda line: line.start)
    if not kept:
        raise Skipped("no_words", _nothing_heard(removed))
    if params.correct_starts:
        kept = correct_starts(kept, voice_levels)
    kept = part_at_pauses(kept)
    language, sure = listener.detected or ("en", 0.0)
    lyrics = writers.Lyrics(
        title=job.item.name,
        language=language,
        duration=facts.duration,
        lines=kept,
        removed=removed,
        engine=hearing.description,
        weights=hearing.weights,
    )
    _write(job, lyrics, given.stem)
    job.progress(1.0, "done")
    words = [word for line in kept for word in line.words]
    return TranscribeResult(
        text="\n".join(line.text for line in kept)[:_TEXT],
        lines=len(kept),
        words=len(words),
        language=language,
        language_given=params.language is not None,
        language_confidence=sure,
        mean_confidence=float(np.clip(np.mean([word.confidence for word in words]), 0, 1)),
        removed=tuple(
            RemovedText(
                start=one.segment.start,
                end=one.segment.end,
                text=one.segment.text,
                reason=one.reason,
            )
            for one in removed[:_REMOVED]
        ),
        removed_count=len(removed),
        duration=facts.duration,
        engine=hearing.description,
        weights=hearing.weights,
    )


def _nothing_heard(removed: list[Removed]) -> str:
    message = "Nothing that is sung or said was found."
    if removed:
        told = "; ".join(f"{one.segment.text!r} ({one.reason.value})" for one in removed[:5])
        message += f" Texts that are not believed: {told}. Set keep_doubtful to keep them."
    return message


def _voice_and_mix(job: Job) -> tuple[JobInput, JobInput | None]:
    """Return what is listened to, and the whole song that it was taken from where that is known."""
    voices = [one for one in job.inputs if one.stem is not None]
    if len(job.inputs) > 1 and len(voices) != 1:
        raise Rejected(
            "input",
            "Give one recording, or one stem of a song and the song itself; this job was given "
            f"{len(job.inputs)} files, {len(voices)} of them stems.",
        )
    voice = voices[0] if voices else job.input
    return voice, mix_beside(job.inputs)


class _Levels:
    """Levels over time of each file that is measured."""

    def __init__(self) -> None:
        self._envelopes: list[LevelEnvelope] = []

    def measure(self, blocks: Iterator[AudioBlock], sample_rate: int) -> Iterator[None]:
        """Measure a file as the network hears it: mixed to one channel, at the network's rate."""
        envelope = LevelEnvelope()
        self._envelopes.append(envelope)
        for block in resample_stream(downmix(blocks, sample_rate), sample_rate, RATE):
            envelope.feed(block[0])
            yield

    def loudest(self) -> float:
        """Return the level of the loudest tenth of a second of all files."""
        return max(loudest_level(one.levels()) for one in self._envelopes)


def _write(job: Job, lyrics: writers.Lyrics, stem: Stem | None) -> None:

    def made(name: str, media_type: str) -> Path:
        return job.output(name, ArtifactKind.LYRICS, media_type=media_type, stem=stem)

    writers.write_json(made("lyrics.json", "application/json"), lyrics)
    writers.write_lrc(made("lyrics.lrc", "text/plain"), lyrics)
    writers.write_lrc(made("lyrics-words.lrc", "text/plain"), lyrics, words=True)
    writers.write_srt(made("lyrics.srt", "application/x-subrip"), lyrics)
    writers.write_vtt(made("lyrics.vtt", "text/vtt"), lyrics)
    writers.write_text(made("lyrics.txt", "text/plain"), lyrics)


def _listen(
    job: Job, listener: Listener, voice: JobInput, mix: JobInput | None
) -> tuple[float, list[Segment]]:
    """Return the peak of the loudest channel, and the lines that the network gave."""

    def told(part: float) -> None:
        job.progress(_LISTENING * part, "listening")

    ear = MonoReader(voice.path, RATE, on_progress=told)
    beside = (
        MonoReader(mix.path, RATE, on_progress=lambda _: None).blocks()
        if mix is not None
        else iter(())
    )
    lines: list[Segment] = []
    for block in ear.blocks():
        lines += listener.feed(block, next(beside, None))
    lines += listener.finish()
    return ear.peak, lines
