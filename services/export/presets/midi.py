"""MIDI files: the song, each stem, and quantised copies of both."""

from dataclasses import replace

from kit.worker.outcomes import Skipped
from services.export.context import ExportContext
from services.export.formats.midi import Quantisation, midi_file, quantised
from services.export.presets.stems import MIDI, song_midi
from services.export.reading import read_song


def write_midi(context: ExportContext) -> None:
    """Write `song.mid` and a file for each stem at the song's times, and quantised copies.

    Drums use the notes of General MIDI on channel 10.

    Raises
    ------
    Skipped
        There are no notes.
    """
    song = read_song(context.params, context.job)
    tracks = [track for track in song.tracks if track.notes]
    if not tracks:
        raise Skipped(
            "no_notes",
            "There are no notes to export. Run the pipeline `full`, or `midi` on each stem, first.",
        )
    options = context.params.quantise
    grid_steps = Quantisation(options.steps_per_beat, options.swing)
    snapped = replace(song, tracks=tuple(quantised(t, song.grid, grid_steps) for t in tracks))
    for folder, version in (("", replace(song, tracks=tuple(tracks))), ("quantised/", snapped)):
        context.archive.add(f"{folder}song.mid", song_midi(version), MIDI)
        for track in version.tracks:
            context.archive.add(
                f"{folder}stems/{track.file_name}.mid", midi_file([track], song.grid), MIDI
            )
    context.duration = max(note.end for track in tracks for note in track.notes)
    if not song.tempo_known:
        context.remark_unknown_tempo("the files are at 120 BPM, and quantised copies are wrong")
