"""`.multisample` archives, checked against the published description of the format."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import soundfile

from services.export.bundle import Kit
from services.export.formats.multisample import write_multisample
from tests.support.kits import drum_kit, instrument, write_wav

NUMBER, WHOLE, TEXT = float, int, str
ELEMENTS: dict[str, tuple[dict[str, type], tuple[str, ...]]] = {
    "multisample": (
        {"name": TEXT},
        ("generator", "category", "creator", "description", "keywords", "group", "sample"),
    ),
    "generator": ({}, ()),
    "category": ({}, ()),
    "creator": ({}, ()),
    "group": ({"name": TEXT, "color": TEXT}, ()),
    "sample": (
        {
            "file": TEXT,
            "sample-start": NUMBER,
            "sample-stop": NUMBER,
            "gain": NUMBER,
            "group": WHOLE,
            "zone-logic": TEXT,
        },
        ("key", "velocity", "select", "loop"),
    ),
    "key": ({"root": WHOLE, "track": NUMBER, "tune": NUMBER, "low": WHOLE, "high": WHOLE}, ()),
    "velocity": ({"low": WHOLE, "high": WHOLE}, ()),
    "select": ({"low": WHOLE, "high": WHOLE}, ()),
    "loop": ({"mode": TEXT, "start": NUMBER, "stop": NUMBER}, ()),
}
"""Attributes with their types, and children in their order, of each element of the format."""
REQUIRED = {
    "multisample": {"generator", "category", "creator"},
    "sample": {"key", "velocity", "select"},
}


def check(element: ET.Element) -> None:
    """Fail if an element is not as the format describes it."""
    attributes, order = ELEMENTS[element.tag]
    for name, text in element.attrib.items():
        attributes[name](text)
    children = [child.tag for child in element]
    assert [order.index(tag) for tag in children] == sorted(order.index(tag) for tag in children)
    assert set(children) >= REQUIRED.get(element.tag, set())
    for child in element:
        check(child)


def archive(folder: Path, kit: Kit) -> zipfile.ZipFile:
    """Return the archive of a kit."""
    files = {}
    for sample in kit.samples:
        files[sample.name] = folder / f"{sample.name}.wav"
        write_wav(files[sample.name], sample)
    write_multisample(folder / "kit.multisample", kit, files)
    return zipfile.ZipFile(folder / "kit.multisample")


@pytest.mark.parametrize("pitched", [False, True])
def test_the_mapping_is_as_the_format_describes_it(tmp_path: Path, pitched: bool) -> None:
    kit = instrument(tmp_path) if pitched else drum_kit(tmp_path)
    with archive(tmp_path, kit) as opened:
        root = ET.fromstring(opened.read("multisample.xml"))
        check(root)
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in opened.infolist())
        assert {element.get("file") for element in root.iter("sample")} == {
            name for name in opened.namelist() if name.endswith(".wav")
        }
    assert len(root.findall("group")) == len(kit.pads)


def test_keys_velocities_turns_and_loops(tmp_path: Path) -> None:
    with archive(tmp_path, drum_kit(tmp_path)) as opened:
        root = ET.fromstring(opened.read("multisample.xml"))
    snares = [element for element in root.iter("sample") if element.get("group") == "2"]
    assert [element.get("zone-logic") for element in snares] == [
        "round-robin",
        "round-robin",
        "always-play",
    ]
    assert [velocity.attrib for element in snares for velocity in element.iter("velocity")] == [
        {"low": "1", "high": "63"},
        {"low": "1", "high": "63"},
        {"low": "64", "high": "127"},
    ]


def test_a_pitched_note_has_root_tuning_and_loop(tmp_path: Path) -> None:
    with archive(tmp_path, instrument(tmp_path)) as opened:
        root = ET.fromstring(opened.read("multisample.xml"))
        with opened.open("high.wav") as file:
            audio, _ = soundfile.read(file)
    key, loop = root.find("sample[2]/key"), root.find("sample[2]/loop")
    assert key is not None
    assert loop is not None
    assert (key.get("root"), key.get("low"), key.get("high")) == ("60", "55", "72")
    assert float(key.get("tune", "0")) == pytest.approx(-0.2)
    start, stop = (int(loop.get(name, "0")) for name in ("start", "stop"))
    assert loop.get("mode") == "loop"
    # The loop is whole periods long, so that its ends continue each other.
    assert np.allclose(audio[start : start + 50], audio[stop : stop + 50], atol=0.02)


def test_the_same_kit_gives_the_same_bytes(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    archive(tmp_path, kit).close()
    first = (tmp_path / "kit.multisample").read_bytes()
    archive(tmp_path, kit).close()
    assert (tmp_path / "kit.multisample").read_bytes() == first
