"""Karaoke: the song without its voice, and its words as LRC and `.kar`."""

from contracts.music import Stem
from kit.worker.outcomes import Rejected
from services.export.context import ExportContext
from services.export.formats.karaoke import kar_file, lrc_text
from services.export.formats.wav import info_chunks
from services.export.mixing import Mix
from services.export.presets.stems import length_of
from services.export.reading import read_song


def write_karaoke(context: ExportContext) -> None:
    """Write `instrumental.wav`, the sum of all stems but the vocals, and the words.

    Raises
    ------
    Rejected
        The song has no stems without the voice.
    Silent
        They are silent.
    """
    song = read_song(context.params, context.job)
    tracks = [
        track
        for track in song.tracks
        if track.path is not None and track.stem not in (None, Stem.VOCALS, Stem.MIX)
    ]
    if not tracks or not any(track.stem is Stem.VOCALS for track in song.tracks):
        raise Rejected(
            "input",
            "Karaoke needs a song with a vocal stem and at least one other. Separate it first.",
        )
    rate = song.audio.sample_rate
    samples = max([song.audio.samples, *(length_of(track, rate) for track in tracks)])
    context.expect(samples)
    context.remark_mixed_rates(tracks, rate)
    context.write_wav(
        "instrumental.wav",
        Mix(context.engine, tracks, sample_rate=rate, samples=samples).blocks(),
        sample_rate=rate,
        channels=2,
        samples=samples,
        chunks=info_chunks({"title": f"{song.name} (instrumental)", "artist": song.artist}),
        sources=[track.source for track in tracks if track.source is not None],
    )
    context.require_sound()
    if song.lyrics:
        context.archive.add("lyrics.lrc", lrc_text(song), "text/plain")
        context.archive.add("lyrics-words.lrc", lrc_text(song, words=True), "text/plain")
        context.archive.add("song.kar", kar_file(song), "audio/midi")
    else:
        context.left_out.append("Words: the song has no lyrics. Transcribe its vocal stem first.")
