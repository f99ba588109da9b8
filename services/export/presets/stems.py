"""Stems as WAV files of one length, with the song's MIDI, its markers and a README."""

from collections.abc import Sequence

from services.export.archive import Archive
from services.export.bundle import Song, StemTrack
from services.export.context import ExportContext
from services.export.formats.markers import marker_csv, song_markers
from services.export.formats.midi import WordTrack, midi_file, word_events
from services.export.formats.wav import cue_chunks, info_chunks
from services.export.presets.readme import stems_readme
from services.export.reading import read_song

MIDI = "audio/midi"


def write_stems(context: ExportContext) -> None:
    """Write the bundle.

    Every WAV file begins at the song's first sample and has the length of the longest, 24 bits,
    and the song's rate. `song.mid` holds all notes on the song's tempo map.

    Raises
    ------
    Silent
        No stem contains sound.
    """
    song = read_song(context.params, context.job)
    tracks = [track for track in song.tracks if track.path is not None]
    write_tracks(context, song, tracks)
    context.require_sound()
    sources = [song.source] if song.source is not None else []
    markers = song_markers(song)
    context.archive.add(
        "song.mid",
        song_midi(song),
        MIDI,
        sources=sources,
    )
    if markers:
        context.archive.add("markers.csv", marker_csv(markers, song), "text/csv", sources=sources)
    elif context.job.subject.item is not None:
        context.left_out.append("Markers: the song has no sections. Run its analysis first.")
    if not song.tempo_known:
        context.remark_unknown_tempo("song.mid is at 120 BPM, and its bars mean nothing")
    context.archive.add("README.txt", stems_readme(song), "text/plain")


def song_midi(song: Song) -> bytes:
    """Return a MIDI file of all notes of a song, with its markers and words."""
    words = [WordTrack("Words", word_events(song.lyrics))] if song.lyrics else []
    return midi_file(song.tracks, song.grid, markers=song_markers(song), words=words)


def write_tracks(
    context: ExportContext,
    song: Song,
    tracks: Sequence[StemTrack],
    *,
    folder: str = "stems/",
    archive: Archive | None = None,
) -> tuple[int, dict[str, float]]:
    """Add each track as a WAV file from 0:00, all of one length.

    Parameters
    ----------
    archive
        Where to, if not to the bundle itself.

    Returns
    -------
    tuple
        The length in samples, and the peak of each track by its name.
    """
    rate = song.audio.sample_rate
    samples = max([song.audio.samples, *(length_of(track, rate) for track in tracks)])
    context.expect(samples * len(tracks))
    context.remark_mixed_rates(tracks, rate)
    marks = [(round(seconds * rate), text) for seconds, text in song_markers(song)]
    cues = cue_chunks([(sample, text) for sample, text in marks if sample < samples])
    peaks = {}
    for track in tracks:
        assert track.path is not None
        assert track.audio is not None
        channels = track.audio.channels
        peaks[track.name] = context.write_wav(
            f"{folder}{track.file_name}.wav",
            context.read(track.path, sample_rate=rate, channels=channels, samples=samples),
            sample_rate=rate,
            channels=channels,
            samples=samples,
            chunks=[
                *cues,
                *info_chunks({"title": f"{song.name} – {track.name}", "artist": song.artist}),
            ],
            sources=[track.source] if track.source is not None else [],
            archive=archive,
        )
    return samples, peaks


def length_of(track: StemTrack, sample_rate: int) -> int:
    """Return a track's length in samples of another rate; 0 without audio."""
    return round(track.audio.duration * sample_rate) if track.audio is not None else 0
