"""The preset `stems`: WAV files of one length that add up to the song, and its MIDI."""

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from contracts.items import ArtifactKind
from contracts.music import Stem
from kit.audio.decode import read
from kit.signal.tempo_grid import follow
from kit.worker.intake import Silent
from kit.worker.outcomes import Rejected
from services.export.formats import wav
from services.export.formats.markers import bar_of
from tests.export.jobs import RATE, Bundle, collection_files, export, fresh, song_files, tone


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("stems")
    return export(song_files(folder / "in").job(folder / "out"), "stems")


STEMS = [f"stems/120_{stem}_Song.wav" for stem in ("vocals", "other", "bass", "drums")]


def test_a_bundle_has_stems_midi_markers_and_its_papers(bundle: Bundle) -> None:
    assert list(bundle.files) == [
        *STEMS, "song.mid", "markers.csv", "README.txt", "clearance.csv", "manifest.json"
    ]  # fmt: skip
    assert bundle.result.files == len(bundle.files)
    assert bundle.result.left_out == bundle.result.remarks == ()
    assert bundle.result.content_bytes == sum(map(len, bundle.files.values()))
    assert bundle.result.duration == pytest.approx(4.0)


def test_stems_have_24_bits_one_length_and_the_source_rate(bundle: Bundle) -> None:
    for name in STEMS:
        info = soundfile.info(io.BytesIO(bundle.files[name]))
        assert (info.subtype, info.samplerate, info.channels) == ("PCM_24", RATE, 2)
        assert info.frames == 4 * RATE


def test_stems_are_bit_exact_and_add_up_to_the_song(bundle: Bundle, tmp_path: Path) -> None:
    files = song_files(tmp_path)
    song = read(files.inputs[0].path)
    total = np.sum([bundle.audio(name)[0] for name in STEMS], axis=0)
    assert np.abs(total - song).max() < 2e-6
    vocals = next(i for i in files.inputs if i.kind is ArtifactKind.STEM and i.stem is Stem.VOCALS)
    np.testing.assert_array_equal(bundle.audio(STEMS[0])[0], read(vocals.path))


def test_sections_are_cue_points_of_the_stems(bundle: Bundle) -> None:
    data = bundle.files[STEMS[0]]
    assert data.index(b"cue ") < data.index(b"data")
    assert b"labl" in data
    assert int.from_bytes(data[data.index(b"cue ") + 8 :][:4], "little") == 2


def test_the_midi_file_plays_notes_at_their_seconds(bundle: Bundle) -> None:
    file = mido.MidiFile(file=io.BytesIO(bundle.files["song.mid"]), charset="utf-8")
    assert [track.name for track in file.tracks] == ["", "Words", "Bass", "Drums"]
    now, starts, words, marks = 0.0, [], [], []
    for message in file:
        now += message.time
        if message.type == "note_on" and message.velocity:
            starts.append((round(now, 3), message.channel == 9, message.note, message.velocity))
        if message.type == "lyrics":
            words.append((round(now, 3), message.text))
        if message.type == "marker":
            marks.append((round(now, 3), message.text))
    assert starts == [
        (0.0, False, 33, 100),
        (0.0, True, 36, 100),
        (0.517, True, 38, 90),
        (1.013, False, 36, 80),
    ]
    assert words == [(0.5, "/hello"), (1.0, " world"), (2.25, "/née")]
    assert marks == [(0.0, "A"), (2.0, "B")]


def test_markers_are_a_table_of_seconds_and_bars(bundle: Bundle) -> None:
    rows = list(csv.reader(io.StringIO(bundle.files["markers.csv"].decode())))
    assert rows == [["start_s", "bar", "name"], ["0.000", "1", "A"], ["2.000", "2", "B"]]


@pytest.mark.parametrize(("seconds", "bar"), [(0.0, 1), (0.4, 1), (0.7, 2), (2.4, 2), (2.5, 3)])
def test_bars_are_counted_from_the_pickup(seconds: float, bar: int) -> None:
    grid = follow((0.73 + 0.5 * np.arange(64)).tolist(), 0, 4)
    assert bar_of(grid, seconds) == bar


def test_the_manifest_lists_every_file_with_digest_origin_and_rights(bundle: Bundle) -> None:
    files = {file["name"]: file for file in bundle.manifest["files"]}
    assert set(files) == set(bundle.files) - {"manifest.json"}
    for name, file in files.items():
        assert file["sha256"] == hashlib.sha256(bundle.files[name]).hexdigest()
        assert file["size"] == len(bundle.files[name])
    (source,) = files[STEMS[0]]["sources"]
    assert source["producer"]["task"] == "separation"
    assert source["rights"]["licence"] == "CC-BY-4.0"
    assert "CC-BY-4.0" in bundle.files["clearance.csv"].decode()


def test_the_same_inputs_give_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    again = export(song_files(tmp_path / "in").job(tmp_path / "out"), "stems")
    assert again.data == bundle.data
    assert bundle.times == {(1980, 1, 1, 0, 0, 0)}


def test_progress_grows_to_one(tmp_path: Path) -> None:
    job = song_files(tmp_path / "in", 1.0).job(tmp_path / "out")
    export(job, "stems")
    fractions = job.reporter.fractions  # type: ignore[attr-defined]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_shorter_stem_is_padded_and_clipping_is_counted(tmp_path: Path) -> None:
    files = song_files(tmp_path / "in", 1.0)
    loud = tone(0.5, 100.0, level=1.4)
    path = tmp_path / "loud.wav"
    soundfile.write(path, loud.T, RATE, subtype="FLOAT")
    files.add(ArtifactKind.STEM, "guitar.wav", path, stem=Stem.GUITAR)
    bundle = export(files.job(tmp_path / "out"), "stems")
    guitar, _ = bundle.audio("stems/120_guitar_Song.wav")
    assert guitar.shape == (2, RATE)
    assert not guitar[:, RATE // 2 :].any()
    assert bundle.result.clipped == np.count_nonzero(np.abs(loud) >= 1.0)


def test_a_song_without_stems_is_one_track_at_an_unknown_tempo(tmp_path: Path) -> None:
    files = song_files(tmp_path / "in", 1.0)
    files.inputs = files.inputs[:1]
    bundle = export(files.job(tmp_path / "out"), "stems")
    assert "stems/Song.wav" in bundle.files
    assert "markers.csv" not in bundle.files
    assert "is unknown; run its analysis" in bundle.result.remarks[0]
    assert bundle.result.left_out[0].startswith("Markers")


def test_a_collection_is_one_bundle_of_tracks_at_one_rate(tmp_path: Path) -> None:
    job = collection_files(
        tmp_path,
        {"Hit": (tone(0.5, 100.0), 44_100), "hit|2": (tone(0.25, 200.0, rate=48_000), 48_000)},
        bpm=96.0,
    )
    bundle = export(job, "stems", names="{number}_{name}")
    assert list(bundle.files)[:2] == ["stems/01_Hit.wav", "stems/02_hit.wav"]
    for name in list(bundle.files)[:2]:
        audio, rate = bundle.audio(name)
        assert (audio.shape[1], rate) == (24_000, 48_000)
    assert "resampled to 48000 Hz" in bundle.result.remarks[0]
    # By their own name alone they would clash on file systems that ignore case.
    clashing = export(fresh(job, tmp_path / "again"), "stems", names="{name}")
    assert list(clashing.files)[:2] == ["stems/Hit.wav", "stems/hit 2.wav"]


def test_silence_is_skipped_and_no_archive_is_left(tmp_path: Path) -> None:
    job = collection_files(tmp_path, {"Nothing": (0 * tone(0.2, 100.0), RATE)})
    with pytest.raises(Silent):
        export(job, "stems")
    assert not job.outputs[0].path.exists()


def test_a_damaged_stem_is_rejected_and_no_archive_is_left(tmp_path: Path) -> None:
    files = song_files(tmp_path / "in", 1.0)
    files.inputs[2].path.write_bytes(b"fLaC" + b"\0" * 100)
    job = files.job(tmp_path / "out")
    with pytest.raises(Rejected, match="cannot be read as audio"):
        export(job, "stems")
    assert not job.outputs[0].path.exists()


def test_a_header_above_4_gib_is_rf64() -> None:
    header = wav.wav_header(sample_rate=96_000, channels=2, samples=2**30)
    assert header[:4] == b"RF64"
    assert header[12:16] == b"ds64"
    assert int.from_bytes(header[28:36], "little") == 2**30 * 6
    assert len(header) + 2**30 * 6 == int.from_bytes(header[20:28], "little") + 8
    assert wav.wav_size(channels=2, samples=2**30) == len(header) + 2**30 * 6


def test_the_archive_is_readable_by_other_tools(bundle: Bundle) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert all(info.external_attr >> 16 == 0o100644 for info in archive.infolist())
