"""Slices and tags in, drum notes out."""

import csv
import json
from pathlib import Path

import mido
import pytest

from contracts.items import ArtifactKind
from contracts.midi import MidiMode, MidiParams, Notes
from contracts.music import Stem
from contracts.slicing import Slice, SliceEnd, SliceKind, Slices
from contracts.tagging import SampleTags, SoundClass, Tags
from kit.worker.job import Job, JobInput
from kit.worker.outcomes import Rejected, Skipped
from services.midi.drums import DRUMS, Hit, classify_hits, drum_notes
from services.midi.engine import Engine
from services.midi.handler import handle
from tests.support.single_job import SUBJECT, single_job

RATE = 44_100


def shot(
    index: int,
    seconds: float,
    *,
    group: int | None = None,
    file: str | None = None,
    best: bool = False,
    level: float = -12.0,
    kind: SliceKind = SliceKind.ONE_SHOT,
) -> Slice:
    at = round(seconds * RATE)
    return Slice(
        index=index,
        kind=kind,
        start=max(0, at - 100),
        end=at + 4410,
        onset=at,
        end_reason=SliceEnd.DECAY,
        strength=1.0,
        level_dbfs=level,
        peak_dbfs=level + 6,
        group=group,
        file=file,
        best=best,
    )


def tag(file: str, label: SoundClass, *, share: float = 0.9, likely: SoundClass | None = None):
    likely = likely or label
    rest = (1 - share) / 13
    scores = {
        sound_class: rest for sound_class in SoundClass if sound_class is not SoundClass.UNKNOWN
    }
    scores[likely] = share
    return SampleTags(file=file, stem=Stem.DRUMS, label=label, confidence=share, scores=scores)


def slices_of(*pieces: Slice, stem: Stem = Stem.DRUMS) -> Slices:
    return Slices(sample_rate=RATE, samples=10 * RATE, stem=stem, slices=pieces)


def drums_of(hits: list[Hit]) -> list[SoundClass | None]:
    return [hit.drum for hit in hits]


def test_a_slice_is_what_the_best_of_its_group_was_tagged_as() -> None:
    slices = slices_of(
        shot(0, 0.5, group=0, file="drums-hit-0000.flac", best=True),
        shot(1, 1.0, group=1, file="drums-hit-0001.flac", best=True),
        shot(2, 1.5, group=0),
        shot(3, 2.0, group=2),
        shot(4, 2.5, group=1, file="drums-hit-0004.flac"),
        shot(5, 0.0, group=0, file="drums-loop-1bar-0005.flac", kind=SliceKind.LOOP),
    )
    tags = [
        tag("drums-hit-0000.flac", SoundClass.KICK),
        tag("drums-hit-0001.flac", SoundClass.SNARE),
        # Its own tag counts more than its group's.
        tag("drums-hit-0004.flac", SoundClass.RIM),
        tag("drums-loop-1bar-0005.flac", SoundClass.LOOP),
    ]
    hits = classify_hits(slices, tags, only_drums=True)
    assert drums_of(hits) == [
        SoundClass.KICK, SoundClass.SNARE, SoundClass.KICK, None, SoundClass.RIM,
    ]  # fmt: skip
    assert hits[3].label is SoundClass.UNKNOWN


def test_on_a_drum_stem_what_is_unknown_is_written_as_the_likeliest_drum() -> None:
    slices = slices_of(shot(0, 0.5, group=0, file="a.flac"), shot(1, 1.0, group=1, file="b.flac"))
    tags = [
        tag("a.flac", SoundClass.UNKNOWN, share=0.4, likely=SoundClass.TOM),
        tag("b.flac", SoundClass.BASS, share=0.9),
    ]
    (first, second) = classify_hits(slices, tags, only_drums=True)
    assert (first.label, first.drum, first.confidence) == (SoundClass.UNKNOWN, SoundClass.TOM, 0.4)
    assert second.label is SoundClass.BASS
    assert second.drum in DRUMS
    # Elsewhere it must be rather a drum than not.
    assert drums_of(classify_hits(slices, tags, only_drums=False)) == [SoundClass.TOM, None]


def test_velocities_are_relative_to_the_same_drum() -> None:
    pieces = [shot(i, i, file=f"{i}.flac", level=level) for i, level in enumerate((-6, -18, -30))]
    hat = [shot(9, 9.0, file="9.flac", level=-40.0)]
    tags = [tag(f"{i}.flac", SoundClass.SNARE) for i in range(3)]
    tags += [tag("9.flac", SoundClass.CLOSED_HAT)]
    played = drum_notes(classify_hits(slices_of(*pieces, *hat), tags, only_drums=True), RATE)
    snares = [item.velocity for item in played if item.note.pitch == 38]
    assert snares == sorted(snares, reverse=True)
    # 12 dB are half of the velocity.
    assert snares[1] == pytest.approx(snares[0] / 2, abs=2)
    assert [item.velocity for item in played if item.note.pitch == 42] == [112]


def document_input(
    folder: Path, name: str, kind: ArtifactKind, document: Slices | Tags
) -> JobInput:
    path = folder / name
    path.write_text(document.model_dump_json(), encoding="utf-8")
    stem = document.stem if isinstance(document, Slices) else Stem.DRUMS
    return JobInput(path=path, kind=kind, name=name, subject=SUBJECT, sha256="0" * 64, stem=stem)


def job_of(folder: Path, slices: Slices, tags: Tags | None) -> Job:
    inputs = [document_input(folder, "slices.json", ArtifactKind.SLICES, slices)]
    if tags is not None:
        inputs.append(document_input(folder, "tags.json", ArtifactKind.TAGS, tags))
    scratch = folder / "scratch"
    scratch.mkdir()
    job = single_job(scratch, inputs)
    job.item_facts = job.item.model_copy(update={"bpm": 100.0})
    return job


PATTERN = [
    (SoundClass.KICK, 0.6), (SoundClass.CLOSED_HAT, 0.9), (SoundClass.SNARE, 1.2),
    (SoundClass.OPEN_HAT, 1.5), (SoundClass.KICK, 1.8), (SoundClass.CRASH, 2.1),
    (SoundClass.RIDE, 2.4), (SoundClass.CLAP, 2.7), (SoundClass.RIM, 3.0),
    (SoundClass.TOM, 3.3), (SoundClass.PERCUSSION, 3.6),
]  # fmt: skip


def test_a_job_over_slices_writes_the_three_files(tmp_path: Path, engine: Engine) -> None:
    pieces = [shot(i, at, group=i, file=f"{i}.flac") for i, (_, at) in enumerate(PATTERN)]
    pieces.append(shot(50, 4.0, group=50))
    tags = Tags(samples=tuple(tag(f"{i}.flac", label) for i, (label, _) in enumerate(PATTERN)))
    job = job_of(tmp_path, slices_of(*pieces), tags)
    result = handle(MidiParams(), job, engine)
    assert (result.mode, result.notes, result.left_out) == (MidiMode.DRUMS, 11, 1)
    assert result.classes[SoundClass.KICK] == 2
    assert result.classes[SoundClass.UNKNOWN] == 1
    assert [(o.name, o.kind, o.stem) for o in job.outputs] == [
        ("drums.mid", ArtifactKind.MIDI, Stem.DRUMS),
        ("drums.json", ArtifactKind.NOTES, Stem.DRUMS),
        ("drums.csv", ArtifactKind.NOTES, Stem.DRUMS),
    ]
    now, output = 0.0, []
    for message in mido.MidiFile(job.outputs[0].path):
        now += message.time
        if message.type == "note_on":
            assert message.channel == 9
            output.append((round(now, 2), message.note))
    assert output == [(at, DRUMS[label][0]) for label, at in PATTERN]
    notes = Notes.model_validate_json(job.outputs[1].path.read_bytes())
    assert notes.program is None
    assert [(note.sound, note.pitch) for note in notes.notes] == [
        (label, DRUMS[label][0]) for label, _ in PATTERN
    ]
    with job.outputs[2].path.open(encoding="utf-8", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)][:2] == ["Bass Drum 1", "Closed Hi-Hat"]


def mixed_job(tmp_path: Path) -> Job:
    slices = slices_of(
        shot(0, 0.5, file="a.flac"), shot(1, 1.0, file="b.flac"), stem=Stem.ACCOMPANIMENT
    )
    both = (tag("a.flac", SoundClass.SNARE), tag("b.flac", SoundClass.SYNTH))
    tags = Tags(samples=tuple(o.model_copy(update={"stem": Stem.ACCOMPANIMENT}) for o in both))
    return job_of(tmp_path, slices, tags)


def test_drums_of_an_accompaniment_are_not_believed(tmp_path: Path, engine: Engine) -> None:
    job = mixed_job(tmp_path)
    with pytest.raises(Skipped, match="htdemucs") as skipped:
        handle(MidiParams(), job, engine)
    assert skipped.value.reason == "no_drum_stem"
    assert not job.outputs


def test_drums_of_mixtures_writes_only_tagged_drums(tmp_path: Path, engine: Engine) -> None:
    result = handle(MidiParams(drums_of_mixtures=True), mixed_job(tmp_path), engine)
    assert (result.notes, result.left_out) == (1, 1)
    assert "wrong" in result.remark


@pytest.mark.parametrize("tagged", [False, True])
def test_without_a_drum_the_job_is_skipped(tmp_path: Path, engine: Engine, tagged: bool) -> None:
    tags = Tags(samples=(tag("elsewhere.flac", SoundClass.KICK),)) if tagged else None
    job = job_of(tmp_path, slices_of(shot(0, 0.5, file="a.flac")), tags)
    with pytest.raises(Skipped) as skipped:
        handle(MidiParams(), job, engine)
    assert skipped.value.reason == "no_drums"
    assert not job.outputs


def test_what_is_no_list_of_slices_is_rejected(tmp_path: Path, engine: Engine) -> None:
    job = job_of(tmp_path, slices_of(shot(0, 0.5)), None)
    job.inputs[0].path.write_text(json.dumps({"version": 1}), encoding="utf-8")
    with pytest.raises(Rejected, match=r"slices\.json"):
        handle(MidiParams(), job, engine)
