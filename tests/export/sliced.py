"""A sliced and tagged drum track as the library sends it to an export."""

from pathlib import Path

from contracts.items import ArtifactKind
from contracts.music import Stem
from contracts.slicing import Slice, SliceKind, Slices, SlicingParams
from contracts.tagging import SampleTags, SoundClass, Tags
from kit.arrays import AudioBlock
from kit.worker.engines import EngineContext
from services.slicing.engine import load_engine
from services.slicing.handler import handle
from tests.export.jobs import SongFiles
from tests.support import signals
from tests.support.single_job import audio_input, single_job, write_audio

NEAR = 0.03
"""Seconds within which a slice is the hit of an onset."""


def drum_track() -> signals.DrumLoop:
    """Return four bars of drums at 120 BPM."""
    return signals.drum_loop(bars=4)


def sliced_song(
    folder: Path, *, audio: AudioBlock | None = None, best_only: bool = False
) -> tuple[SongFiles, Slices]:
    """Slice a drum track, tag its hits by their known onsets, and return the files of its item."""
    track = drum_track()
    sound = track.audio if audio is None else audio
    folder.mkdir(parents=True, exist_ok=True)
    path = write_audio(folder / "drums.flac", sound)
    job = single_job(folder, [audio_input(path, stem=Stem.DRUMS)])
    handle(SlicingParams(best_only=best_only), job, load_engine(EngineContext()))
    files = SongFiles(folder)
    files.audio("canonical.flac", sound, stem=None)
    slices = None
    for output in job.outputs:
        files.add(output.kind, output.name, output.path, stem=output.stem)
        if output.kind is ArtifactKind.SLICES:
            slices = Slices.model_validate_json(output.path.read_bytes())
    assert slices is not None
    tags = Tags(
        samples=tuple(
            SampleTags(
                file=piece.file,
                stem=Stem.DRUMS,
                label=_class_of(piece, slices, track),
                confidence=0.9,
                scores={},
            )
            for piece in slices.slices
            if piece.file is not None and piece.kind is SliceKind.ONE_SHOT
        )
    )
    files.document(ArtifactKind.TAGS, "tags.json", tags.model_dump_json(), stem=Stem.DRUMS)
    return files, slices


def _class_of(piece: Slice, slices: Slices, track: signals.DrumLoop) -> SoundClass:
    at = piece.onset / slices.sample_rate
    onsets = ((SoundClass.KICK, track.kicks), (SoundClass.SNARE, track.snares))
    for sound, times in onsets:
        if any(abs(at - time) < NEAR for time in times):
            return sound
    return SoundClass.CLOSED_HAT
