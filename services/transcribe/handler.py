"""Transcribe canonical audio or a vocal stem, and write lyrics files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.transcribe import RemovedText, TranscribeParams, TranscribeResult
from kit.arrays import AudioBlock
from kit.audio.decode import resample_stream
from kit.audio.downmix import downmix
from kit.audio.mono_reader import MonoReader
from kit.worker.intake import Silent, find_mix, open_input, reject_unreadable
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
from services.transcribe.passages import merge_transcripts
from services.transcribe.streaming import SpeechTranscriber

SILENCE = 10 ** (-80 / 20)
"""Audio that never exceeds this is silent; other levels are relative to the recording."""
SHORTEST = 0.3
"""Seconds; shorter audio has no words."""

_TEXT = 4000
_REMOVED = 50
_TRANSCRIBING = 0.97
_WITHOUT_VOICE = frozenset({Stem.DRUMS, Stem.BASS, Stem.GUITAR, Stem.PIANO, Stem.ACCOMPANIMENT})


@reject_unreadable()
def handle(params: TranscribeParams, job: Job, engine: Engine) -> TranscribeResult:
    """Transcribe the job's input and write its lyrics."""
    source, mix = _voice_and_mix(job)
    if source.stem in _WITHOUT_VOICE:
        raise Skipped(
            "no_voice", f"A {source.stem} stem has no words. Submit the vocal stem or the song."
        )
    network = engine.open(params.weights)
    if params.language is not None and params.language not in network.languages:
        raise Rejected(
            "unknown_language",
            f"{network.weights} does not know the language {params.language!r}. Omit `language` to "
            f"detect it, or choose one of: {', '.join(sorted(network.languages))}",
        )
    levels = _Levels()
    facts = open_input(source, mix, min_seconds=SHORTEST, measure=levels.measure)
    loudest = levels.loudest()
    transcriber = SpeechTranscriber(network, params.language, params.beam, loudest)
    song = mix if params.use_song and source.stem is Stem.VOCALS else None
    share = _TRANSCRIBING if song is None else _TRANSCRIBING / 2
    peak, lines = _transcribe(transcriber, source, mix, _progress(job, 0.0, share))
    if peak < SILENCE:
        raise Silent
    voice_levels = transcriber.loudness.levels()
    kept, removed = filter_hallucinations(
        lines, voice_levels, separated=source.stem is Stem.VOCALS, loudest_db=loudest
    )
    if params.keep_doubtful:
        kept = sorted(lines, key=lambda line: line.start)
    if not kept:
        raise Skipped("no_words", _no_words_message(removed))
    language, sure = transcriber.detected or ("en", 0.0)
    from_song = 0
    if song is not None:
        song_transcriber = SpeechTranscriber(
            network, language, params.beam, loudest, rechecks=False
        )
        _, song_lines = _transcribe(song_transcriber, song, None, _progress(job, share, share))
        song_lines, _ = filter_hallucinations(
            song_lines, song_transcriber.loudness.levels(), separated=False
        )
        kept, from_song = merge_transcripts(kept, song_lines)
    if params.correct_starts:
        kept = correct_starts(kept, voice_levels)
    kept = part_at_pauses(kept)
    lyrics = writers.Lyrics(
        title=job.item.name,
        language=language,
        duration=facts.duration,
        lines=kept,
        removed=removed,
        engine=network.description,
        weights=network.weights,
    )
    _write(job, lyrics, source.stem)
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
        words_from_song=from_song,
        removed=tuple(
            RemovedText(
                start=item.segment.start,
                end=item.segment.end,
                text=item.segment.text,
                reason=item.reason,
            )
            for item in removed[:_REMOVED]
        ),
        removed_count=len(removed),
        duration=facts.duration,
        engine=network.description,
        weights=network.weights,
    )


def _no_words_message(removed: list[Removed]) -> str:
    message = "No sung or spoken words were detected."
    if removed:
        texts = "; ".join(f"{item.segment.text!r} ({item.reason.value})" for item in removed[:5])
        message += f" Removed as doubtful: {texts}. Set `keep_doubtful` to keep such text."
    return message


def _voice_and_mix(job: Job) -> tuple[JobInput, JobInput | None]:
    """Return the audio to transcribe, and the song that it is a stem of, if it is an input."""
    voices = [item for item in job.inputs if item.stem is not None]
    if len(job.inputs) > 1 and len(voices) != 1:
        raise Rejected(
            "input",
            "Submit one recording, or one stem of a song and the song itself; this job has "
            f"{len(job.inputs)} files, {len(voices)} of them stems.",
        )
    voice = voices[0] if voices else job.input
    return voice, find_mix(job.inputs)


class _Levels:
    """Level envelopes of the measured files."""

    def __init__(self) -> None:
        self._envelopes: list[LevelEnvelope] = []

    def measure(self, blocks: Iterator[AudioBlock], sample_rate: int) -> Iterator[None]:
        """Measure a file as network input: downmixed to mono, at the network's rate."""
        envelope = LevelEnvelope()
        self._envelopes.append(envelope)
        for block in resample_stream(downmix(blocks, sample_rate), sample_rate, RATE):
            envelope.feed(block[0])
            yield

    def loudest(self) -> float:
        """Return the level of the loudest 0.1 s of all files, in dB."""
        return max(loudest_level(envelope.levels()) for envelope in self._envelopes)


def _write(job: Job, lyrics: writers.Lyrics, stem: Stem | None) -> None:

    def output(name: str, media_type: str) -> Path:
        return job.output(name, ArtifactKind.LYRICS, media_type=media_type, stem=stem)

    writers.write_json(output("lyrics.json", "application/json"), lyrics)
    writers.write_lrc(output("lyrics.lrc", "text/plain"), lyrics)
    writers.write_lrc(output("lyrics-words.lrc", "text/plain"), lyrics, words=True)
    writers.write_srt(output("lyrics.srt", "application/x-subrip"), lyrics)
    writers.write_vtt(output("lyrics.vtt", "text/vtt"), lyrics)
    writers.write_text(output("lyrics.txt", "text/plain"), lyrics)


def _progress(job: Job, begun: float, share: float) -> Callable[[float], None]:
    return lambda part: job.progress(begun + share * part, "transcribing")


def _transcribe(
    transcriber: SpeechTranscriber,
    voice: JobInput,
    mix: JobInput | None,
    on_progress: Callable[[float], None],
) -> tuple[float, list[Segment]]:
    """Transcribe the audio; return the peak of the loudest channel, and the lines."""
    reader = MonoReader(voice.path, RATE, on_progress=on_progress)
    mix_blocks = (
        MonoReader(mix.path, RATE, on_progress=lambda _: None).blocks()
        if mix is not None
        else iter(())
    )
    lines: list[Segment] = []
    for block in reader.blocks():
        lines += transcriber.feed(block, next(mix_blocks, None))
    lines += transcriber.finish()
    return reader.peak, lines
