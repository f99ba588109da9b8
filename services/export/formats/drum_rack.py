"""Write kits as Drum Racks of Ableton Live 12 (`.adg`).

Live's files have no public specification. The rack and its devices are those of the template that
the package `ableton-device-creator` (MIT) ships, saved by Live 12.1; only the fields of this kit
are replaced. `DrumRackTemplate` is the one place that knows the package.
"""

import gzip
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree as ET

from services.export.bundle import Kit, Pad, PadLayer
from services.export.formats.xml_document import xml_bytes

_PROJECT = "3"
"""The kind of a relative path that starts at the folder of the project."""
_MAX_DB = 36.0
"""The range of a Drum Sampler's volume, up and down."""
_TOP = 128
"""Live stores a pad as 128 less its note."""
_FIRST_ROWS = "19"
"""The scroll position that shows notes 36 to 51, in rows of four pads from the top."""
_MACROS = 16


class DrumRackTemplate(Protocol):
    """An empty rack and a pad, as XML of Live."""

    def rack(self) -> ET.Element:
        """Return a document with a `DrumGroupDevice` and with pads in `BranchPresets`."""
        ...


class PackagedTemplate:
    """The template in the package `ableton-device-creator`."""

    def rack(self) -> ET.Element:
        """Return the document, parsed anew at each call."""
        from ableton_device_creator.bundled import DRUM_RACK_TEMPLATE
        from ableton_device_creator.core import decode_adg

        return ET.fromstring(decode_adg(DRUM_RACK_TEMPLATE))  # noqa: S314 - from the package


def write_drum_rack(
    path: Path,
    kit: Kit,
    files: Mapping[str, str],
    sizes: Mapping[str, int],
    *,
    template: DrumRackTemplate | None = None,
) -> None:
    """Write a kit as a Drum Rack.

    Parameters
    ----------
    path
        Output file.
    kit
        A pad becomes a chain with a Drum Sampler, played by its `note` only. A Drum Sampler holds
        one sample: the first one that sounds at velocity 127. Choke groups are 1 to 16; gains
        are limited to 36 dB up and down.
    files
        The path of each sample's WAV file by the sample's name, relative to the folder of the rack,
        with `/`.
    sizes
        The length of each of these files in bytes; Live searches for moved files by name and size.
    template
        Where the rack's devices come from; by default the package.

    Raises
    ------
    ValueError
        The template has no pad with a Drum Sampler.
    """
    root = (template or PackagedTemplate()).rack()
    rack = _child(root, ".//DrumGroupDevice")
    branches = _child(root, ".//BranchPresets")
    empty = _child(branches, "DrumBranchPreset")
    _clear_pad(empty)
    _clear_rack(root, rack)
    _set(rack, "UserName", kit.name)
    _set(rack, "PadScrollPosition", _FIRST_ROWS)
    for old in list(branches):
        branches.remove(old)
    for number, pad in enumerate(sorted(kit.pads, key=lambda pad: pad.note)):
        branch = deepcopy(empty)
        branch.set("Id", str(number))
        _fill(branch, pad, files, sizes)
        branches.append(branch)
    # Stored, because the output of a compressor depends on its version.
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=0) as packed,
    ):
        packed.write(xml_bytes(root, indent="\t"))


def _clear_pad(branch: ET.Element) -> None:
    """Remove from a pad of the template what its author set up: macros, colours, sources."""
    for parent in list(branch.iter()):
        for mapping in parent.findall("KeyMidi"):
            parent.remove(mapping)
    _child(branch, "SourceContext").clear()
    # The sound is as the sample is: the filter is off, and velocity sets the whole volume.
    _set(branch, ".//Voice_Filter_On/Manual", "false")
    _set(branch, ".//Voice_VelocityToVolume/Manual", "1")


def _clear_rack(root: ET.Element, rack: ET.Element) -> None:
    """Remove from the template's rack its macros, and where it was saved."""
    for number in range(_MACROS):
        _set(rack, f"MacroDisplayNames.{number}", f"Macro {number + 1}")
        _set(rack, f"MacroControls.{number}/Manual", "0")
        _set(rack, f"MacroDefaults.{number}", "-1")
        _set(rack, f"MacroColor.{number}", "-1")
    for saved in (_child(root, "GroupDevicePreset/PresetRef"), _child(rack, "LastPresetRef/Value")):
        saved.clear()
        default = ET.SubElement(saved, "AbletonDefaultPresetRef", Id="0")
        default.append(_file("", 0))
        ET.SubElement(default, "DeviceId", Name="DrumGroupDevice")


def _fill(branch: ET.Element, pad: Pad, files: Mapping[str, str], sizes: Mapping[str, int]) -> None:
    """Write a pad into a copy of the template's."""
    layer = _loudest(pad)
    sample = layer.sample
    gain = min(_MAX_DB, max(-_MAX_DB, pad.gain_db + layer.gain_db))
    _set(branch, "Name", pad.name)
    _set(branch, "ZoneSettings/ReceivingNote", str(_TOP - pad.note))
    _set(branch, "ZoneSettings/ChokeGroup", str(pad.choke or 0))
    cell = _child(branch, ".//DrumCell")
    _set(cell, "Volume/Manual", f"{gain:.6g}")
    _set(cell, "Pan/Manual", f"{pad.pan:.6g}")
    reference = _child(cell, "UserSample/Value/SampleRef")
    reference.remove(_child(reference, "FileRef"))
    reference.insert(0, _file(files[sample.name], sizes[sample.name]))
    _set(reference, "LastModDate", "0")
    _set(reference, "DefaultDuration", str(sample.audio.samples))
    _set(reference, "DefaultSampleRate", str(sample.audio.sample_rate))


def loudest_layers(kit: Kit) -> Kit:
    """Return a kit with only the samples that a Drum Rack holds."""
    return replace(kit, pads=tuple(replace(pad, layers=(_loudest(pad),)) for pad in kit.pads))


def _loudest(pad: Pad) -> PadLayer:
    """Return the first layer that sounds at the highest velocity."""
    return max(pad.layers, key=lambda layer: layer.high_velocity)


def _file(path: str, size: int) -> ET.Element:
    """Return a reference to a file of the project, or to none."""
    reference = ET.Element("FileRef")
    fields = {
        "RelativePathType": _PROJECT if path else "0",
        "RelativePath": path,
        "Path": "",
        "Type": "2",
        "LivePackName": "",
        "LivePackId": "",
        "OriginalFileSize": str(size),
        "OriginalCrc": "0",
    }
    for name, text in fields.items():
        ET.SubElement(reference, name, Value=text)
    return reference


def _child(parent: ET.Element, path: str) -> ET.Element:
    """Return the first element at a path; raises `ValueError` if the template has none."""
    element = parent.find(path)
    if element is None:
        raise ValueError(f"the template of the Drum Rack has no {path}")
    return element


def _set(parent: ET.Element, path: str, text: str) -> None:
    """Set the value of the element at a path."""
    _child(parent, path).set("Value", text)
