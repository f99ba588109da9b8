"""The presets of kits and of loops, from the files of an item or of a collection."""

import gzip
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import mido
import numpy as np
import pytest
from pydantic import ValidationError

from contracts.export import KITS, ExportParams
from contracts.slicing import SliceKind, Slices
from contracts.tagging import SoundClass
from kit.worker.intake import Silent
from kit.worker.job import Job
from kit.worker.outcomes import Rejected
from services.export.samples import read_kit
from tests.export.jobs import RATE, collection_files, export, fresh, tone
from tests.export.sliced import drum_track, sliced_song
from tests.support.kits import hit, likeness, play
from tests.support.signals import silence


@pytest.fixture(scope="module")
def sliced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Slices]:
    folder = tmp_path_factory.mktemp("sliced")
    files, slices = sliced_song(folder / "in")
    return files.job(folder / "out"), slices


SUFFIXES = {
    "drumrack": "adg",
    "sfz": "sfz",
    "decent": "dspreset",
    "multisample": "multisample",
    "hydrogen": "h2drumkit",
}


@pytest.mark.parametrize("preset", sorted(SUFFIXES))
def test_a_kit_has_its_mapping_its_samples_and_its_papers(
    preset: str, sliced: tuple[Job, Slices], tmp_path: Path
) -> None:
    bundle = export(fresh(sliced[0], tmp_path / "1"), preset)
    again = export(fresh(sliced[0], tmp_path / "2"), preset)
    names = list(bundle.files)
    assert names[-3:] == ["README.txt", "clearance.csv", "manifest.json"]
    assert f"Song.{SUFFIXES[preset]}" in names
    samples = [name for name in names if name.startswith("Samples/")]
    assert bool(samples) == (preset not in ("multisample", "hydrogen"))
    assert bundle.data == again.data
    described = {file["name"]: file for file in bundle.manifest["files"]}
    assert described[f"Song.{SUFFIXES[preset]}"]["sources"]


def test_every_preset_of_a_kit_is_tested() -> None:
    assert set(SUFFIXES) == KITS


def test_the_best_hits_have_the_notes_of_their_classes(
    sliced: tuple[Job, Slices], tmp_path: Path
) -> None:
    kit = read_kit(ExportParams(preset="sfz"), fresh(sliced[0], tmp_path / "1"))
    notes = {pad.note: pad.layers[0].sample.sound for pad in kit.pads}
    assert notes[36] is SoundClass.KICK
    assert notes[38] is SoundClass.SNARE
    assert notes[42] is SoundClass.CLOSED_HAT
    assert {pad.choke for pad in kit.pads if pad.note == 42} == {1}
    # The same drum is struck many times, so the pads have several samples.
    assert max(len(pad.layers) for pad in kit.pads) > 1
    single = read_kit(
        ExportParams(preset="sfz", kit={"layers": False}), fresh(sliced[0], tmp_path / "2")
    )
    assert {len(pad.layers) for pad in single.pads} == {1}


def test_a_drum_rack_has_only_the_samples_it_plays(
    sliced: tuple[Job, Slices], tmp_path: Path
) -> None:
    bundle = export(fresh(sliced[0], tmp_path / "1"), "drumrack", kit={"pads": 3})
    root = ET.fromstring(gzip.decompress(bundle.files["Song.adg"]))
    played = {
        element.get("Value")
        for pad in root.iter("DrumBranchPreset")
        for element in pad.findall(".//UserSample//RelativePath")
    }
    assert len(played) == 3
    assert played == {name for name in bundle.files if name.startswith("Samples/")}


def test_a_kit_of_a_loop_replays_it(sliced: tuple[Job, Slices], tmp_path: Path) -> None:
    job, slices = sliced
    loop = next(p for p in slices.slices if p.kind is SliceKind.LOOP and p.file and p.bars == 2)
    params = ExportParams(preset="sfz", kit={"source": "loop", "loop": loop.index})
    kit = read_kit(params, fresh(job, tmp_path / "1"))
    seconds = (loop.end - loop.start) / slices.sample_rate
    original = drum_track().audio[0, loop.start : loop.end]
    assert likeness(original, play(kit, seconds)) > 0.9
    bundle = export(fresh(job, tmp_path / "2"), "sfz", kit={"source": "loop", "loop": loop.index})
    clip = mido.MidiFile(file=io.BytesIO(bundle.files["groove.mid"]))
    assert clip.length == pytest.approx(seconds, abs=0.01)
    onsets = sum(message.type == "note_on" for message in clip)
    assert onsets == len(kit.groove)


def test_loops_have_tempo_hits_and_grooves(sliced: tuple[Job, Slices], tmp_path: Path) -> None:
    bundle = export(fresh(sliced[0], tmp_path / "1"), "loops", loops={"aiff": True})
    stems = [name.removesuffix(".wav") for name in bundle.files if name.endswith(".wav")]
    assert stems
    for stem in stems:
        assert {f"{stem}.mid", f"{stem}.aiff"} <= bundle.files.keys()
        wav, _ = bundle.audio(f"{stem}.wav")
        aiff, _ = bundle.audio(f"{stem}.aiff")
        assert np.array_equal(wav, aiff)
        assert b"acid" in bundle.files[f"{stem}.wav"][:200]
    assert bundle.result.left_out == ()


def test_a_collection_is_a_pad_for_each_item_in_order(tmp_path: Path) -> None:
    job = collection_files(
        tmp_path, {"b": (hit(200), RATE), "a": (hit(300), 48_000), "b|2": (hit(400), RATE)}
    )
    bundle = export(job, "multisample")
    with zipfile.ZipFile(io.BytesIO(bundle.files["Crate.multisample"])) as archive:
        root = ET.fromstring(archive.read("multisample.xml"))
        infos = [archive.getinfo(element.get("file", "")) for element in root.iter("sample")]
    assert [info.filename for info in infos] == ["b.wav", "a.wav", "b 2.wav"]
    assert [key.get("root") for key in root.iter("key")] == ["36", "37", "38"]
    # Nothing is resampled.
    assert [stop.get("sample-stop") for stop in root.iter("sample")] == [str(hit(200).shape[1])] * 3


def test_a_loop_in_a_collection_repeats_while_its_key_is_held(tmp_path: Path) -> None:
    # A bar of 120 BPM.
    waves = {"loop": (tone(2.0, 220.0), RATE), "hit": (hit(300), RATE)}
    bundle = export(collection_files(tmp_path, waves, bpm=120.0), "sfz")
    text = bundle.files["Crate.sfz"].decode()
    assert (
        "sample=Samples/120_loop.wav\nloop_mode=loop_continuous loop_start=0 loop_end=88199" in text
    )
    assert "sample=Samples/120_hit.wav\nloop_mode=one_shot" in text


def with_pitches(job: Job, *pitches: float | None) -> Job:
    """Return a job over a collection whose items have pitches."""
    assert job.export is not None
    items = [
        item.model_copy(update={"pitch": pitch})
        for item, pitch in zip(job.export.items, pitches, strict=True)
    ]
    return replace(job, export=job.export.model_copy(update={"items": tuple(items)}))


def test_pitched_items_are_an_instrument(tmp_path: Path) -> None:
    waves = {"low": (tone(0.5, 220.0), RATE), "high": (tone(0.5, 440.0), RATE)}
    job = with_pitches(collection_files(tmp_path, waves), 220.0, 440.0)
    bundle = export(job, "sfz", kit={"source": "keys"})
    text = bundle.files["Crate.sfz"].decode()
    assert "lokey=45 hikey=63 pitch_keycenter=57" in text
    assert "lokey=64 hikey=81 pitch_keycenter=69" in text


def test_names_that_clash_or_that_sfz_cannot_express(tmp_path: Path) -> None:
    waves = {"a=1": (hit(200), RATE), "A=1": (hit(300), RATE), "F# <x>": (hit(400), RATE)}
    bundle = export(collection_files(tmp_path, waves), "sfz")
    samples = [name for name in bundle.files if name.startswith("Samples/")]
    assert samples == ["Samples/a-1.wav", "Samples/A-1 2.wav", "Samples/F# _x_.wav"]


def test_what_has_nothing_for_a_kit_is_refused(tmp_path: Path) -> None:
    job = collection_files(tmp_path / "c", {"a": (hit(200), RATE)})
    with pytest.raises(Rejected, match="not of a collection"):
        export(fresh(job, tmp_path / "1"), "sfz", kit={"source": "loop"})
    with pytest.raises(Rejected, match="No sample here has a clear pitch"):
        export(fresh(job, tmp_path / "2"), "sfz", kit={"source": "keys"})
    many = collection_files(tmp_path / "m", {str(n): (hit(200, 0.02), RATE) for n in range(93)})
    with pytest.raises(Rejected, match="at most 92 pads, and this collection has 93"):
        export(fresh(many, tmp_path / "3"), "sfz")
    quiet = collection_files(tmp_path / "q", {"a": (silence(0.1), RATE)})
    with pytest.raises(Silent):
        export(fresh(quiet, tmp_path / "4"), "sfz")
    assert not list(tmp_path.glob("?/*.zip"))


def test_an_item_without_slices_says_what_to_run(
    sliced: tuple[Job, Slices], tmp_path: Path
) -> None:
    job = replace(sliced[0], inputs=sliced[0].inputs[:1])
    for preset in ("sfz", "loops"):
        with pytest.raises(Rejected, match="Run slicing or the pipeline `samples`"):
            export(fresh(job, tmp_path / preset), preset)


def test_formats_without_key_ranges_take_no_instrument() -> None:
    with pytest.raises(ValidationError, match="has no ranges of keys"):
        ExportParams(preset="drumrack", kit={"source": "keys"})
