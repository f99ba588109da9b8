"""Write kits as SFZ, the text format of Sforzando, sfizz and other samplers.

Source: the opcodes of SFZ version 1 by Cakewalk, and `off_mode`.
"""

from collections.abc import Iterator, Mapping

from services.export.bundle import Kit, Pad, PadLayer

_SHORT_RELEASE = 0.05
"""Seconds in which a pitched note fades after its key is released."""
_MAX_DB = 6.0
"""The highest volume of a region."""
_NOT_IN_NAMES = ("=", "<", ">", "//", "/*")
"""What a player would read as an opcode, a header or a comment."""


def sfz_text(kit: Kit, files: Mapping[str, str]) -> str:
    """Return a kit as the text of an SFZ file.

    Parameters
    ----------
    kit
        A pad with one key plays its samples to their ends; one with several keys, or a sample
        with a loop, plays as long as the key is held. Layers of one velocity range are a round
        robin. If one needs more gain than SFZ has, 6 dB, all are lowered by as much.
    files
        The path of each sample's file by the sample's name, relative to the SFZ file, with `/`.

    Raises
    ------
    ValueError
        A path holds what SFZ cannot express: `=`, `<`, `>`, or the start of a comment.
    """
    for path in files.values():
        if any(part in path for part in _NOT_IN_NAMES):
            raise ValueError(f"SFZ cannot refer to {path!r}; name the file without = < >")
    lines = [f"// {kit.name}".replace("\n", " "), ""]
    gains = [pad.gain_db + layer.gain_db for pad in kit.pads for layer in pad.layers]
    excess = max(0.0, max(gains, default=0.0) - _MAX_DB)
    for pad in kit.pads:
        lines += _group(pad)
        for layer, turn in pad.turns:
            lines += _region(pad, layer, turn, files, pad.gain_db + layer.gain_db - excess)
    return "\n".join(lines) + "\n"


def _group(pad: Pad) -> list[str]:
    """Return the header of a pad's regions."""
    one_key = pad.low_note == pad.high_note
    lines = [f"// {pad.name}".replace("\n", " "), "<group>"]
    if one_key:
        lines.append(f"key={pad.note}")
    else:
        lines.append(f"lokey={pad.low_note} hikey={pad.high_note} pitch_keycenter={pad.note}")
        lines.append(f"ampeg_release={_SHORT_RELEASE}")
    if pad.pan:
        lines.append(f"pan={100 * pad.pan:.1f}")
    if pad.choke is not None:
        lines.append(f"group={pad.choke} off_by={pad.choke} off_mode=fast")
    return lines


def _region(
    pad: Pad, layer: PadLayer, turn: tuple[int, int], files: Mapping[str, str], gain: float
) -> Iterator[str]:
    """Yield the lines of a region; `gain` is in dB."""
    yield "<region>"
    yield f"sample={files[layer.sample.name]}"
    if (layer.low_velocity, layer.high_velocity) != (1, 127):
        yield f"lovel={layer.low_velocity} hivel={layer.high_velocity}"
    if gain:
        yield f"volume={gain:.2f}"
    if layer.tune_cents:
        yield f"tune={round(layer.tune_cents)}"
    if turn[1] > 1:
        yield f"seq_length={turn[1]} seq_position={turn[0]}"
    if layer.sample.loop is not None:
        start, end = layer.sample.loop
        yield f"loop_mode=loop_continuous loop_start={start} loop_end={end - 1}"
    else:
        yield f"loop_mode={'one_shot' if pad.low_note == pad.high_note else 'no_loop'}"
