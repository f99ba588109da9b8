"""Write kits as DecentSampler presets (`.dspreset`).

Source: the DecentSampler Developers Guide 1.11, "The <groups> element" and "How to do voice-muting
for drums".
"""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from services.export.bundle import Kit, Pad, PadLayer
from services.export.formats.xml_document import xml_bytes

_VERSION = "1.6.0"
"""The first version whose documentation has all elements used here."""
_SHORT_RELEASE = 0.05
"""Seconds in which a pitched note fades after its key is released."""


def decent_sampler_xml(kit: Kit, files: Mapping[str, str]) -> bytes:
    """Return a kit as the XML of a DecentSampler preset, in UTF-8.

    Parameters
    ----------
    kit
        A pad with one key plays its samples to their ends; one with several keys, or with a loop,
        plays as long as the key is held. Layers of one velocity range are a round robin.
    files
        The path of each sample's file by the sample's name, relative to the preset, with `/`.
    """
    root = ET.Element("DecentSampler", minVersion=_VERSION)
    groups = ET.SubElement(root, "groups", volume="1.0")
    for pad in kit.pads:
        group = ET.SubElement(groups, "group", _group(pad))
        for layer, turn in pad.turns:
            ET.SubElement(group, "sample", _sample(pad, layer, turn, files))
    return xml_bytes(root)


def _group(pad: Pad) -> dict[str, str]:
    """Return the attributes of a pad."""
    one_key = pad.low_note == pad.high_note
    one_shot = one_key and all(layer.sample.loop is None for layer in pad.layers)
    longest = max(layer.sample.audio.duration for layer in pad.layers)
    attributes = {
        "name": pad.name,
        "volume": f"{pad.gain_db:.2f}dB",
        "pan": f"{100 * pad.pan:.1f}",
        "attack": "0",
        # A sample has no mode of playing to its end, but its release can outlast it.
        "release": f"{longest if one_shot else _SHORT_RELEASE:.3f}",
        "releaseCurve": "100",
        "ampVelTrack": "1",
    }
    if one_key:
        attributes["pitchKeyTrack"] = "0"
    if pad.choke is not None:
        tag = f"choke{pad.choke}"
        attributes |= {"tags": tag, "silencedByTags": tag, "silencingMode": "fast"}
    return attributes


def _sample(
    pad: Pad, layer: PadLayer, turn: tuple[int, int], files: Mapping[str, str]
) -> dict[str, str]:
    """Return the attributes of a layer."""
    attributes = {
        "path": files[layer.sample.name],
        "rootNote": str(pad.note),
        "loNote": str(pad.low_note),
        "hiNote": str(pad.high_note),
        "loVel": str(layer.low_velocity),
        "hiVel": str(layer.high_velocity),
        # The player's velocity curve is 20 · log10(velocity / 127) dB.
        "volume": f"{layer.gain_db / 2:.2f}dB",
        "tuning": f"{layer.tune_cents / 100:.4f}",
    }
    if turn[1] > 1:
        attributes |= {
            "seqMode": "round_robin",
            "seqLength": str(turn[1]),
            "seqPosition": str(turn[0]),
        }
    if layer.sample.loop is not None:
        start, end = layer.sample.loop
        attributes |= {
            "loopEnabled": "true",
            "loopStart": str(start),
            "loopEnd": str(end - 1),
        }
    else:
        # Otherwise the player uses the loop points in the file.
        attributes["loopEnabled"] = "false"
    return attributes
