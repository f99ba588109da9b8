"""Drum Racks of Ableton Live, unpacked and read by hand.

Live itself cannot run here, so nothing shows that it opens them.
"""

import gzip
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from ableton_device_creator.drum_racks import DrumRackModifier

from services.export.bundle import Kit
from services.export.formats.drum_rack import PackagedTemplate, write_drum_rack
from tests.support.kits import drum_kit


def rack(folder: Path, kit: Kit) -> ET.Element:
    """Return the parsed rack of a kit whose samples lie in `Samples`."""
    files = {sample.name: f"Samples/{sample.name}.wav" for sample in kit.samples}
    write_drum_rack(folder / "kit.adg", kit, files, dict.fromkeys(files, 1234))
    return ET.fromstring(gzip.decompress((folder / "kit.adg").read_bytes()))


def value(element: ET.Element, path: str) -> str:
    child = element.find(path)
    assert child is not None, path
    return child.get("Value", "")


def test_sixteen_pads_with_names_notes_and_samples(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    root = rack(tmp_path, kit)
    pads = root.findall("GroupDevicePreset/BranchPresets/DrumBranchPreset")
    assert value(root, ".//DrumGroupDevice/UserName") == "Test kit"
    assert [value(pad, "Name") for pad in pads] == [pad.name for pad in kit.pads]
    # Live stores 128 less the note: C1, the first pad, is 92.
    notes = [128 - int(value(pad, "ZoneSettings/ReceivingNote")) for pad in pads]
    assert notes == list(range(36, 52))
    samples = [value(pad, ".//DrumCell/UserSample//FileRef/RelativePath") for pad in pads]
    assert samples == [f"Samples/{pad.name}.wav" for pad in kit.pads]
    lengths = [int(value(pad, ".//SampleRef/DefaultDuration")) for pad in pads]
    assert lengths == [pad.layers[-1].sample.audio.samples for pad in kit.pads]


def test_another_reader_finds_the_pads(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    rack(tmp_path, kit)
    notes = DrumRackModifier(tmp_path / "kit.adg").get_note_mappings()
    assert [128 - notes[pad] for pad in range(len(notes))] == [pad.note for pad in kit.pads]


def test_hats_choke_each_other(tmp_path: Path) -> None:
    pads = rack(tmp_path, drum_kit(tmp_path)).iter("DrumBranchPreset")
    groups = {value(pad, "Name"): value(pad, "ZoneSettings/ChokeGroup") for pad in pads}
    assert {name for name, group in groups.items() if group != "0"} == {
        "07 closed_hat",
        "09 closed_hat",
        "11 open_hat",
    }


def test_gain_and_pan(tmp_path: Path) -> None:
    pads = list(rack(tmp_path, drum_kit(tmp_path)).iter("DrumBranchPreset"))
    assert [value(pads[3], f".//DrumCell/{name}/Manual") for name in ("Volume", "Pan")] == [
        "-3",
        "0",
    ]
    assert value(pads[5], ".//DrumCell/Pan/Manual") == "-0.5"


def test_nothing_of_the_template_s_author_is_left(tmp_path: Path) -> None:
    root = rack(tmp_path, drum_kit(tmp_path))
    text = ET.tostring(root, "unicode")
    assert "Users" not in text
    assert "Library" not in text
    assert not list(root.iter("KeyMidi"))
    template = PackagedTemplate().rack()
    # Only what a rack needs was removed or added.
    added = {element.tag for element in root.iter()} - {element.tag for element in template.iter()}
    assert added == set()


def test_the_same_kit_gives_the_same_bytes(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    rack(tmp_path, kit)
    first = (tmp_path / "kit.adg").read_bytes()
    rack(tmp_path, kit)
    assert (tmp_path / "kit.adg").read_bytes() == first


def test_a_template_without_pads_is_refused(tmp_path: Path) -> None:
    class Empty:
        def rack(self) -> ET.Element:
            return ET.fromstring("<Ableton><DrumGroupDevice/><BranchPresets/></Ableton>")

    with pytest.raises(ValueError, match="no DrumBranchPreset"):
        write_drum_rack(tmp_path / "a.adg", drum_kit(tmp_path), {}, {}, template=Empty())
