"""The preset `dawproject`: valid by the official schemas, and at the analysed times."""

import io
import zipfile
from pathlib import Path

import pytest
import soundfile
from lxml import etree

from contracts.items import ArtifactKind
from tests.export.jobs import (
    RATE,
    Bundle,
    SongFiles,
    analysis,
    collection_files,
    export,
    song_files,
    tone,
)

SCHEMAS = Path(__file__).with_name("dawproject")


class Project:
    """A DAWproject file, read back by the definition of its tempo map."""

    def __init__(self, bundle: Bundle, name: str) -> None:
        with zipfile.ZipFile(io.BytesIO(bundle.files[name])) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist()}
        self.root = etree.fromstring(self.files["project.xml"])
        self.bpm = float(self.root.find("Transport/Tempo").get("value"))

    def validate(self) -> None:
        """Fail unless both documents are valid."""
        for schema, name in (("Project.xsd", "project.xml"), ("MetaData.xsd", "metadata.xml")):
            validator = etree.XMLSchema(etree.parse(SCHEMAS / schema))
            validator.assertValid(etree.fromstring(self.files[name]))

    def seconds(self, beats: float) -> float:
        """Return when a beat is, by the tempo points."""
        points = [
            (float(point.get("time")), float(point.get("value")))
            for point in self.root.iterfind("Arrangement/TempoAutomation/RealPoint")
        ] or [(0.0, self.bpm)]
        now = 0.0
        for (start, bpm), following in zip(points, [*points[1:], None], strict=True):
            stop = beats if following is None else min(beats, following[0])
            now += max(0.0, stop - start) * 60 / bpm
        return now

    def tracks(self) -> list[tuple[str, str]]:
        return [
            (t.get("name"), t.get("contentType")) for t in self.root.iterfind("Structure/Track")
        ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("dawproject")
    bundle = export(song_files(folder / "in").job(folder / "out"), "dawproject")
    assert list(bundle.files) == ["Song.dawproject", "README.txt", "clearance.csv", "manifest.json"]
    return Project(bundle, "Song.dawproject")


def test_the_documents_are_valid(project: Project) -> None:
    project.validate()
    assert project.root.get("version") == "1.0"


def test_each_stem_is_a_track_with_its_notes_below(project: Project) -> None:
    assert project.tracks() == [
        ("Vocals", "audio"),
        ("Other", "audio"),
        ("Bass", "audio"),
        ("Bass notes", "notes"),
        ("Drums", "audio"),
        ("Drums notes", "notes"),
        ("Master", "audio notes"),
    ]
    colours = {t.get("color") for t in project.root.iterfind("Structure/Track")}
    assert len(colours) == 5
    channels = project.root.findall("Structure/Track/Channel")
    assert {c.find("Volume").get("value") for c in channels} == {"1"}
    assert {c.find("Pan").get("value") for c in channels} == {"0.5"}


def test_audio_begins_at_zero_and_ends_at_its_second(project: Project) -> None:
    audio = project.root.findall(".//Audio")
    assert len(audio) == 4
    for element in audio:
        data = project.files[element.find("File").get("path")]
        info = soundfile.info(io.BytesIO(data))
        assert (info.frames, info.samplerate, info.subtype) == (4 * RATE, RATE, "PCM_24")
        assert float(element.get("duration")) == 4.0
        warps = element.getparent().findall("Warp")
        for warp in warps:
            at = project.seconds(float(warp.get("time")))
            assert at == pytest.approx(float(warp.get("contentTime")), abs=1e-6)
        assert float(warps[-1].get("contentTime")) == 4.0


def test_notes_sections_and_words_lie_at_their_seconds(project: Project) -> None:
    notes = [
        (round(project.seconds(float(n.get("time"))), 3), int(n.get("key")), int(n.get("channel")))
        for n in project.root.iterfind(".//Note")
    ]
    assert notes == [(0.0, 33, 0), (1.013, 36, 0), (0.0, 36, 9), (0.517, 38, 9)]
    marks = [
        (round(project.seconds(float(m.get("time"))), 3), m.get("name"))
        for m in project.root.iterfind("Arrangement/Markers/Marker")
    ]
    assert marks == [(0.0, "A"), (0.5, "hello world"), (2.0, "B"), (2.25, "née")]


@pytest.mark.parametrize("every_beat", [False, True])
def test_times_equal_the_analysis_within_a_millisecond(tmp_path: Path, every_beat: bool) -> None:
    """Thirty seconds whose tempo wanders: audio and sections stay, and so does every beat."""
    wandering = analysis(30.0, beat=0.47, jitter=0.02)
    files = SongFiles(tmp_path)
    files.audio("canonical.flac", tone(30.0, 100.0), stem=None)
    files.document(ArtifactKind.ANALYSIS, "analysis.json", wandering.model_dump_json())
    bundle = export(files.job(tmp_path / "out"), "dawproject", every_beat=every_beat)
    read = Project(bundle, "Song.dawproject")
    read.validate()
    marks = [
        read.seconds(float(m.get("time"))) for m in read.root.iterfind("Arrangement/Markers/Marker")
    ]
    assert marks == pytest.approx([section.start for section in wandering.sections], abs=1e-3)
    if every_beat:
        beats = [read.seconds(float(number)) for number in range(len(wandering.beats))]
        assert beats == pytest.approx([beat.time for beat in wandering.beats], abs=1e-3)


def test_metadata_names_artist_and_licence(project: Project) -> None:
    metadata = etree.fromstring(project.files["metadata.xml"])
    assert {e.tag: e.text for e in metadata} == {
        "Title": "Song",
        "Artist": "Somebody",
        "Comment": "Licence: CC-BY-4.0",
    }


def test_a_collection_with_odd_names_is_valid(tmp_path: Path) -> None:
    waves = {"a & b <c>\x07": (tone(0.2, 100.0), RATE), "日本": (tone(0.1, 90.0), RATE)}
    bundle = export(collection_files(tmp_path, waves, bpm=99.5), "dawproject")
    read = Project(bundle, "Crate.dawproject")
    read.validate()
    assert read.bpm == pytest.approx(99.5, abs=1e-3)
    assert [name for name, _ in read.tracks()] == ["a & b _c_", "日本", "Master"]
