"""SFZ files; `test_daw_readers.py` plays them in samplers."""

import re
from pathlib import Path

import pytest

from services.export.bundle import Kit
from services.export.formats.sfz import sfz_text
from tests.support.kits import drum_kit, instrument

OPCODE = re.compile(r"(\w+)=(.*?)(?=\s+\w+=|\s*$)")


def regions(kit: Kit) -> list[dict[str, str]]:
    """Return the opcodes of each region, with those of its group."""
    group: dict[str, str] = {}
    parsed: list[dict[str, str]] = []
    for line in sfz_text(kit, {sample.name: f"Samples/{sample.name}.wav" for sample in kit.samples}).splitlines():
        if line == "<group>":
            group, current = {}, {}
            group = current
        elif line == "<region>":
            current = dict(group)
            parsed.append(current)
        elif not line.startswith("//"):
            current_opcodes = dict(OPCODE.findall(line))
            (parsed[-1] if parsed and current is parsed[-1] else group).update(current_opcodes)
    return parsed
