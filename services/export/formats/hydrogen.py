"""Write kits as drumkits of the drum machine Hydrogen (`.h2drumkit`).

Source: the XML Schema `drumkit.xsd` of Hydrogen 1.2.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from services.export.bundle import Kit, Pad, PadLayer
from services.export.formats.xml_document import xml_bytes

_NAMESPACE = "http://www.hydrogen-music.org/drumkit"
_STORED = 0
"""Audio hardly shrinks, and the output of a compressor depends on its version."""
_RELEASE = 1000
"""Samples in which a stopped hit fades."""
_MAX_LAYERS = 16
"""As many layers as an instrument of Hydrogen has."""


def write_hydrogen(path: Path, kit: Kit, files: Mapping[str, Path], *, licence: str = "") -> None:
    """Write a kit as one archive with its samples.

    Parameters
    ----------
    path
        Output file.
    kit
        A pad becomes an instrument, played by its `note` only. Choke groups become mute groups.
        Hydrogen has 16 layers per instrument, and either velocity layers or a round robin: a pad
        with both keeps the first layer of each range.
    files
        The WAV file of each sample by the sample's name.
    licence
        Shown to users.
    """
    # The folder in the archive becomes a folder in the user's library, named like the kit.
    used = {layer.sample.name for pad in kit.pads for layer in _layers(pad)}
    with (
        path.open("wb") as raw,
        gzip.GzipFile(
            filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=_STORED
        ) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        mapping = drumkit_xml(kit, licence)
        archive.addfile(_entry(f"{kit.name}/drumkit.xml", len(mapping)), io.BytesIO(mapping))
        for sample in kit.samples:
            if sample.name in used:
                file = files[sample.name]
                with file.open("rb") as source:
                    size = file.stat().st_size
                    archive.addfile(_entry(f"{kit.name}/{sample.name}.wav", size), source)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Return the header of a file in the archive, without a time or an owner."""
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = 0o644, size
    return entry


def drumkit_xml(kit: Kit, licence: str = "") -> bytes:
    """Return the archive's `drumkit.xml`, in UTF-8."""
    root = ET.Element("drumkit_info", xmlns=_NAMESPACE)
    head = {"name": kit.name, "author": "Cratedig", "info": "", "license": licence}
    head |= {"image": "", "imageLicense": ""}
    _add(root, head)
    components = ET.SubElement(root, "componentList")
    component = ET.SubElement(components, "drumkitComponent")
    _add(component, {"id": "0", "name": "Main", "volume": "1"})
    instruments = ET.SubElement(root, "instrumentList")
    for number, pad in enumerate(kit.pads):
        instrument = ET.SubElement(instruments, "instrument")
        _add(instrument, _instrument(number, pad))
        component = ET.SubElement(instrument, "instrumentComponent")
        _add(component, {"component_id": "0", "gain": "1"})
        for layer in _layers(pad):
            _add(ET.SubElement(component, "layer"), _layer(layer))
    return xml_bytes(root)


def _layers(pad: Pad) -> list[PadLayer]:
    """Return the layers that Hydrogen can play."""
    if _is_round_robin(pad):
        return list(pad.layers[:_MAX_LAYERS])
    return [layer for layer, (place, _) in pad.turns if place == 1][:_MAX_LAYERS]


def _is_round_robin(pad: Pad) -> bool:
    """Return whether all layers of a pad take turns."""
    return len(pad.layers) > 1 and len(pad.layers) == pad.turns[0][1][1]


def _instrument(number: int, pad: Pad) -> dict[str, str]:
    """Return the fields of an instrument, in the order of the schema."""
    return {
        "id": str(number),
        "name": pad.name,
        "volume": "1",
        "isMuted": "false",
        "isSoloed": "false",
        "pan": f"{pad.pan:.3f}",
        "pitchOffset": "0",
        "randomPitchFactor": "0",
        "gain": f"{10 ** (pad.gain_db / 20):.4f}",
        "applyVelocity": "true",
        "filterActive": "false",
        "filterCutoff": "1",
        "filterResonance": "0",
        "Attack": "0",
        "Decay": "0",
        "Sustain": "1",
        "Release": str(_RELEASE),
        "muteGroup": str(-1 if pad.choke is None else pad.choke),
        "midiOutChannel": "-1",
        "midiOutNote": str(pad.note),
        "isStopNote": "false",
        "sampleSelectionAlgo": "ROUND_ROBIN" if _is_round_robin(pad) else "VELOCITY",
        "isHihat": "-1",
        "lower_cc": "0",
        "higher_cc": "127",
        "FX1Level": "0",
        "FX2Level": "0",
        "FX3Level": "0",
        "FX4Level": "0",
    }


def _layer(layer: PadLayer) -> dict[str, str]:
    """Return the fields of a layer; velocities are 0 to 1."""
    return {
        "filename": f"{layer.sample.name}.wav",
        "min": f"{(layer.low_velocity - 1) / 127:.6f}",
        "max": f"{layer.high_velocity / 127:.6f}",
        # Hydrogen's velocity curve is 20 · log10(velocity / 127) dB.
        "gain": f"{10 ** (layer.gain_db / 40):.4f}",
        "pitch": f"{layer.tune_cents / 100:.4f}",
    }


def _add(parent: ET.Element, fields: dict[str, str]) -> None:
    """Append a child element for each field."""
    for name, text in fields.items():
        ET.SubElement(parent, name).text = text
