"""Levels in decibels have a floor, and are exact at the powers of ten."""

import numpy as np
import pytest

from kit.signal.decibels import amplitude_to_db, power_to_db


@pytest.mark.parametrize(("level", "expected"), [(1.0, 0.0), (0.1, -20.0), (1e-10, -200.0)])
def test_amplitudes(level: float, expected: float) -> None:
    assert amplitude_to_db(level) == expected


@pytest.mark.parametrize("level", [0.0, 1e-12])
def test_below_the_floor(level: float) -> None:
    assert amplitude_to_db(level) == -200.0
    assert amplitude_to_db(level, floor=-80.0) == -80.0


def test_powers_relative_to_a_reference() -> None:
    levels = power_to_db(np.array([0.0, 0.5, 5.0]), reference=5.0, floor=-60.0)
    assert levels.tolist() == [-60.0, -10.0, 0.0]
