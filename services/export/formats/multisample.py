"""Write kits as `.multisample` archives, which Bitwig Studio and Studio One open.

Source: the format's description and XML Schema by Bitwig and PreSonus, "bitwig/multisample".
"""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from services.export.archive import Archive
from services.export.bundle import Kit, Pad, PadLayer
from services.export.formats.xml_document import xml_bytes

_GENERATOR = "Cratedig"


def write_multisample(path: Path, kit: Kit, files: Mapping[str, Path]) -> None:
    """Write a kit as one archive with its samples.

    Parameters
    ----------
    path
        Output file.
    kit
        A pad becomes a group. Layers of one velocity range are a round robin. The format has no
        choke groups and no pan: both are left out.
    files
        The WAV file of each sample by the sample's name.
    """
    with Archive(path) as archive:
        archive.add("multisample.xml", multisample_xml(kit), "application/xml")
        for sample in kit.samples:
            archive.copy(f"{sample.name}.wav", files[sample.name], "audio/wav")


def multisample_xml(kit: Kit) -> bytes:
    """Return the archive's `multisample.xml`, in UTF-8."""
    drums = all(pad.low_note == pad.high_note for pad in kit.pads)
    root = ET.Element("multisample", name=kit.name)
    ET.SubElement(root, "generator").text = _GENERATOR
    ET.SubElement(root, "category").text = "Drums" if drums else "Unknown"
    ET.SubElement(root, "creator").text = _GENERATOR
    for pad in kit.pads:
        ET.SubElement(root, "group", name=pad.name, color=pad.colour.removeprefix("#"))
    for group, pad in enumerate(kit.pads):
        for layer, turn in pad.turns:
            _add_sample(root, group, pad, layer, takes_turns=turn[1] > 1)
    return xml_bytes(root)


def _add_sample(
    root: ET.Element, group: int, pad: Pad, layer: PadLayer, *, takes_turns: bool
) -> None:
    """Append the element of a layer."""
    sample = layer.sample
    element = ET.SubElement(
        root,
        "sample",
        {
            "file": f"{sample.name}.wav",
            "sample-start": "0",
            "sample-stop": str(sample.audio.samples),
            "gain": f"{pad.gain_db + layer.gain_db:.3f}",
            "group": str(group),
            "zone-logic": "round-robin" if takes_turns else "always-play",
        },
    )
    ET.SubElement(
        element,
        "key",
        root=str(pad.note),
        track="1" if pad.low_note != pad.high_note else "0",
        tune=f"{layer.tune_cents / 100:.4f}",
        low=str(pad.low_note),
        high=str(pad.high_note),
    )
    ET.SubElement(element, "velocity", low=str(layer.low_velocity), high=str(layer.high_velocity))
    ET.SubElement(element, "select", low="0", high="127")
    if sample.loop is not None:
        start, stop = sample.loop
        ET.SubElement(element, "loop", mode="loop", start=str(start), stop=str(stop))
