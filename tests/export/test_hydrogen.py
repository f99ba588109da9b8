"""Hydrogen drumkits; `test_daw_readers.py` plays one in Hydrogen itself."""

import tarfile
from pathlib import Path
from xml.etree import ElementTree as ET

from services.export.bundle import Kit
from services.export.formats.hydrogen import write_hydrogen
from tests.support.kits import drum_kit, write_wav

NAMESPACE = {"h": "http://www.hydrogen-music.org/drumkit"}


def drumkit(folder: Path, kit: Kit) -> tuple[list[str], ET.Element]:
    """Return the names in a kit's archive, and its parsed mapping."""
    files = {}
    for sample in kit.samples:
        files[sample.name] = folder / f"{sample.name}.wav"
        write_wav(files[sample.name], sample)
    write_hydrogen(folder / "kit.h2drumkit", kit, files, licence="CC0")
    with tarfile.open(folder / "kit.h2drumkit") as archive:
        names = archive.getnames()
        mapping = archive.extractfile(f"{kit.name}/drumkit.xml")
        assert mapping is not None
        return names, ET.fromstring(mapping.read())


def texts(element: ET.Element, path: str) -> list[str | None]:
    return [child.text for child in element.findall(path, NAMESPACE)]


def test_an_instrument_for_each_pad(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    names, root = drumkit(tmp_path, kit)
    instruments = root.findall("h:instrumentList/h:instrument", NAMESPACE)
    assert texts(root, "h:license") == ["CC0"]
    assert [texts(instrument, "h:name")[0] for instrument in instruments] == [
        pad.name for pad in kit.pads
    ]
    assert [texts(instrument, "h:midiOutNote")[0] for instrument in instruments] == [
        str(note) for note in range(36, 52)
    ]
    mute_groups = [texts(instrument, "h:muteGroup")[0] for instrument in instruments]
    assert [index for index, group in enumerate(mute_groups) if group == "1"] == [6, 8, 10]
    layers = {f"{kit.name}/{name}" for name in texts(root, ".//h:layer/h:filename")}
    assert layers == {name for name in names if name.endswith(".wav")}


def test_velocity_layers_keep_the_first_of_a_round_robin(tmp_path: Path) -> None:
    _, root = drumkit(tmp_path, drum_kit(tmp_path))
    snare = root.findall("h:instrumentList/h:instrument", NAMESPACE)[2]
    assert texts(snare, "h:sampleSelectionAlgo") == ["VELOCITY"]
    assert texts(snare, ".//h:filename") == ["03 snare soft 1.wav", "03 snare.wav"]
    assert texts(snare, ".//h:min") == ["0.000000", "0.496063"]
    assert texts(snare, ".//h:max") == ["0.496063", "1.000000"]


def test_gain_and_pan(tmp_path: Path) -> None:
    _, root = drumkit(tmp_path, drum_kit(tmp_path))
    instruments = root.findall("h:instrumentList/h:instrument", NAMESPACE)
    assert texts(instruments[3], "h:gain") == ["0.7079"]
    assert texts(instruments[5], "h:pan") == ["-0.500"]


def test_the_same_kit_gives_the_same_bytes(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    drumkit(tmp_path, kit)
    first = (tmp_path / "kit.h2drumkit").read_bytes()
    drumkit(tmp_path, kit)
    assert (tmp_path / "kit.h2drumkit").read_bytes() == first
