"""A DAWproject file of a song or a collection."""

from services.export.archive import Archive
from services.export.bundle import Song
from services.export.context import ExportContext
from services.export.formats.dawproject import (
    MEDIA_TYPE,
    AudioFile,
    metadata_xml,
    project_xml,
)
from services.export.formats.markers import song_markers
from services.export.names import legal_name
from services.export.presets.readme import dawproject_readme
from services.export.presets.stems import write_tracks
from services.export.reading import read_song
from services.export.service import SERVICE


def write_dawproject(context: ExportContext) -> None:
    """Write `<name>.dawproject`, which holds everything, and a README.

    Raises
    ------
    Silent
        No track contains sound.
    """
    song = read_song(context.params, context.job)
    path = context.job.scratch / "project.zip"
    with Archive(path) as project:
        files = _write_audio(context, song, project)
        context.require_sound()
        xml = project_xml(song, files, markers=song_markers(song), version=SERVICE.version)
        project.add("project.xml", xml, "application/xml")
        project.add("metadata.xml", metadata_xml(song, _rights(context)), "application/xml")
    if not song.tempo_known:
        context.remark_unknown_tempo("the project is at 120 BPM, and its bars mean nothing")
    name = f"{legal_name(song.name, max_characters=80)}.dawproject"
    sources = [source for file in project.files for source in file.sources]
    context.archive.copy(name, path, MEDIA_TYPE, sources=sources)
    path.unlink()
    context.archive.add("README.txt", dawproject_readme(song, name), "text/plain")


def _write_audio(context: ExportContext, song: Song, project: Archive) -> dict[str, AudioFile]:
    tracks = [track for track in song.tracks if track.path is not None]
    samples, _ = write_tracks(context, song, tracks, folder="audio/", archive=project)
    files = {}
    for track in tracks:
        assert track.audio is not None
        files[track.name] = AudioFile(
            f"audio/{track.file_name}.wav", song.audio.sample_rate, track.audio.channels, samples
        )
    return files


def _rights(context: ExportContext) -> dict[str, str | None]:
    """Return the rights that all items share."""
    sheet = [item.clearance for item in context.facts.items]
    shared: dict[str, str | None] = {}
    for name in ("copyright", "licence", "url"):
        values = {getattr(row, name) for row in sheet}
        shared[name] = values.pop() if len(values) == 1 else None
    return shared
