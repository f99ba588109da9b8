"""SFZ files, parsed and checked by sfzlint; `test_daw_readers.py` plays them."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from services.export.bundle import Kit
from services.export.formats.sfz import sfz_text
from tests.support.kits import drum_kit, instrument, write_wav

with warnings.catch_warnings():
    # Its parser uses a module of the standard library that is deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from sfzlint.parser import validate


def regions(folder: Path, kit: Kit) -> list[dict[str, Any]]:
    """Return the opcodes of each region, with those of its group; fails on any complaint."""
    files = {sample.name: f"Samples/{sample.name}.wav" for sample in kit.samples}
    (folder / "Samples").mkdir()
    for sample in kit.samples:
        write_wav(folder / files[sample.name], sample)
    path = folder / "kit.sfz"
    path.write_text(sfz_text(kit, files), encoding="utf-8")
    complaints: list[Any] = []
    # It looks for each sample and checks the range of each value.
    parsed = validate(path, lambda *args: complaints.append(args), {"file_path": path})
    assert complaints == []
    group: dict[str, Any] = {}
    parsed_regions = []
    for header in parsed.headers:
        opcodes = {str(name): value.value for name, value in header.items()}
        if header.token == "group":
            group = opcodes
        elif header.token == "region":
            parsed_regions.append(group | opcodes)
    return parsed_regions


def test_a_region_for_each_sample_at_its_key(tmp_path: Path) -> None:
    kit = drum_kit(tmp_path)
    opcodes = regions(tmp_path, kit)
    assert [region["sample"] for region in opcodes] == [
        f"Samples/{layer.sample.name}.wav" for pad in kit.pads for layer in pad.layers
    ]
    assert {region["key"] for region in opcodes} == set(range(36, 52))
    assert {region["loop_mode"] for region in opcodes} == {"one_shot"}


def test_layers_round_robins_and_gains(tmp_path: Path) -> None:
    snares = [region for region in regions(tmp_path, drum_kit(tmp_path)) if region["key"] == 38]
    columns = ("lovel", "hivel", "seq_length", "seq_position", "volume")
    assert [tuple(region.get(name) for name in columns) for region in snares] == [
        (1, 63, 2, 1, 6.0),
        (1, 63, 2, 2, 6.0),
        # The soft layers need 12 dB, so every region is 6 dB softer.
        (64, 127, None, None, -6.0),
    ]


def test_hats_choke_each_other(tmp_path: Path) -> None:
    hats = [region for region in regions(tmp_path, drum_kit(tmp_path)) if "off_by" in region]
    assert [region["key"] for region in hats] == [42, 44, 46]
    for region in hats:
        assert (region["group"], region["off_by"], region["off_mode"]) == (1, 1, "fast")


def test_notes_have_keys_tuning_and_loops(tmp_path: Path) -> None:
    kit = instrument(tmp_path)
    low, high = regions(tmp_path, kit)
    loop = kit.pads[1].layers[0].sample.loop
    assert loop is not None
    assert (low["lokey"], low["pitch_keycenter"], low["hikey"]) == (36, 48, 54)
    assert (high["lokey"], high["pitch_keycenter"], high["hikey"]) == (55, 60, 72)
    assert (low["loop_mode"], high["loop_mode"]) == ("no_loop", "loop_continuous")
    assert (high["loop_start"], high["loop_end"], high["tune"]) == (loop[0], loop[1] - 1, -20)


def test_names_that_sfz_cannot_express_are_refused(tmp_path: Path) -> None:
    kit = instrument(tmp_path)
    with pytest.raises(ValueError, match="without = < >"):
        sfz_text(kit, {"low": "a key=3.wav", "high": "b.wav"})


def test_sharps_and_spaces_are_kept(tmp_path: Path) -> None:
    text = sfz_text(instrument(tmp_path), {"low": "S/a F# 1.wav", "high": "S/b.wav"})
    assert "sample=S/a F# 1.wav\n" in text
