"""DecentSampler presets, checked against the elements that its developers' guide documents."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from services.export.bundle import Kit
from services.export.formats.decent_sampler import decent_sampler_xml
from tests.support.kits import drum_kit, instrument

VOICES = {"silencedByTags", "silencingMode", "tags"}
ENVELOPE = {"attack", "release", "releaseCurve"}
DOCUMENTED = {
    "DecentSampler": {"minVersion"},
    "groups": {"volume"},
    "group": {"name", "volume", "pan", "ampVelTrack", "pitchKeyTrack"} | VOICES | ENVELOPE,
    "sample": {"path", "rootNote", "loNote", "hiNote", "loVel", "hiVel", "volume", "tuning"}
    | {"seqMode", "seqLength", "seqPosition", "loopEnabled", "loopStart", "loopEnd"},
}


def preset(kit: Kit) -> ET.Element:
    """Return the parsed preset of a kit whose samples lie in `Samples`."""
    files = {sample.name: f"Samples/{sample.name}.wav" for sample in kit.samples}
    return ET.fromstring(decent_sampler_xml(kit, files))


@pytest.mark.parametrize("pitched", [False, True])
def test_only_documented_elements_and_attributes(tmp_path: Path, pitched: bool) -> None:
    root = preset(instrument(tmp_path) if pitched else drum_kit(tmp_path))
    assert root.tag == "DecentSampler"
    for element in root.iter():
        assert set(element.attrib) <= DOCUMENTED[element.tag]
    for sample in root.iter("sample"):
        low, high = int(sample.get("loNote", "")), int(sample.get("hiNote", ""))
        assert 1 <= low <= int(sample.get("rootNote", "")) <= high <= 127
        assert sample.get("path", "").startswith("Samples/")
        assert sample.get("volume", "").endswith("dB")


def test_hats_silence_each_other_at_once(tmp_path: Path) -> None:
    groups = preset(drum_kit(tmp_path)).findall("groups/group")
    hats = [group for group in groups if group.get("silencedByTags")]
    assert [group.get("name") for group in hats] == [
        "07 closed_hat",
        "09 closed_hat",
        "11 open_hat",
    ]
    for group in hats:
        assert group.get("tags") == group.get("silencedByTags")
        assert group.get("silencingMode") == "fast"


def test_layers_and_round_robins(tmp_path: Path) -> None:
    group = preset(drum_kit(tmp_path)).findall("groups/group")[2]
    layers = [
        (sample.get("loVel"), sample.get("hiVel"), sample.get("seqMode"), sample.get("seqPosition"))
        for sample in group
    ]
    assert layers == [
        ("1", "63", "round_robin", "1"),
        ("1", "63", "round_robin", "2"),
        ("64", "127", None, None),
    ]


def test_a_drum_sounds_to_its_end_and_a_note_is_released(tmp_path: Path) -> None:
    drum = preset(drum_kit(tmp_path)).findall("groups/group")[0]
    note = preset(instrument(tmp_path)).findall("groups/group")[0]
    assert float(drum.get("release", "0")) >= 0.3
    assert float(note.get("release", "9")) <= 0.1


def test_loop_ends_include_the_last_sample(tmp_path: Path) -> None:
    kit = instrument(tmp_path)
    sample = preset(kit).findall("groups/group/sample")[1]
    loop = kit.pads[1].layers[0].sample.loop
    assert loop is not None
    assert (sample.get("loopStart"), sample.get("loopEnd")) == (str(loop[0]), str(loop[1] - 1))
    assert float(sample.get("tuning", "0")) == pytest.approx(-0.2)
