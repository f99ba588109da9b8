"""Stored lists of slices stay readable."""

import pytest

from contracts.slicing import SliceEnd, Slices


@pytest.mark.parametrize("name", ["end_reason", "ending"])
def test_the_former_name_of_the_reason_for_an_end_is_read(name: str) -> None:
    piece = {"index": 0, "kind": "one_shot", "start": 0, "end": 9, "onset": 0, "strength": 1.0}
    piece |= {"level_dbfs": -12.0, "peak_dbfs": -6.0, name: "decay"}
    stored = {"version": 1, "sample_rate": 44_100, "samples": 9, "slices": [piece]}
    (read,) = Slices.model_validate(stored).slices
    assert read.end_reason is SliceEnd.DECAY
    assert "ending" not in read.model_dump()
