"""The generator of the drum network's training data: seeded, bounded, and exact in time."""

import numpy as np
import pytest

from services.midi.strokes.features import DRUMS, RATE
from tools.train_drums.grooves import Stroke, groove
from tools.train_drums.kits import Instrument, assemble, kits_of
from tools.train_drums.rendering import drum_track, produced
from tools.train_tagging.sounds import Sound
from tools.train_tagging.variations import generator

CLICK = np.exp(-np.arange(RATE // 10) / 500).astype(np.float32)


def test_a_seed_gives_the_same_groove() -> None:
    first, second = (groove(generator("test", "1"), 12.0) for _ in range(2))
    assert first == second
    assert first != groove(generator("test", "2"), 12.0)


def test_grooves_use_every_drum_and_stay_in_bounds() -> None:
    seen = set()
    for number in range(40):
        played = groove(generator("bounds", str(number)), 12.0)
        times = [stroke.time for stroke in played.strokes]
        assert times == sorted(times)
        assert all(0 <= time < 12.0 for time in times)
        assert all(0 < stroke.velocity <= 1 for stroke in played.strokes)
        for drum in DRUMS:
            own = [stroke.time for stroke in played.strokes if stroke.drum == drum]
            assert np.diff(own).min(initial=1.0) >= 0.049
        seen |= {stroke.drum for stroke in played.strokes}
    assert seen == set(DRUMS)


def recording(name: str, label: str, *, held_out: bool = False) -> Sound:
    return Sound(
        kit="kit",
        family="family",
        name=name,
        label=label,
        licence="MIT",
        held_out=held_out,
        instrument=name.split("-")[0],
        sha256="",
        audio=np.pad(CLICK, (200, 0)) * np.float32(0.1 * int(name[-1])),
    )


def test_kits_have_layers_from_soft_to_hard_and_no_held_out_sounds() -> None:
    sounds = [recording(f"{drum}-{level}", drum) for drum in DRUMS for level in (9, 3, 6)]
    sounds += [recording("other-5", "kick", held_out=True), recording("voice-5", "vocal")]
    (kit,) = kits_of(sounds)
    assert set(kit.drums) == set(DRUMS)
    (kick,) = kit.drums["kick"]
    assert len(kick.layers) == 3
    assert all(np.abs(layer).max() == pytest.approx(1.0) for layer in kick.layers)
    # What is before the stroke is cut.
    assert all(int(np.argmax(layer)) <= 44 for layer in kick.layers)
    chosen = assemble(generator("kit"), [kit])
    assert set(chosen) == set(DRUMS)


@pytest.mark.parametrize("velocity", [0.3, 1.0])
def test_a_stroke_sounds_at_its_time(velocity: float) -> None:
    kit = {drum: [Instrument([CLICK])] for drum in DRUMS}
    stroke = Stroke(0.5, "kick", velocity)
    audio = drum_track(generator("time"), [stroke], kit, 1.0)
    level = np.abs(audio)
    assert np.flatnonzero(level > 0.5 * level.max())[0] == pytest.approx(RATE // 2, abs=3)
    finished = produced(generator("finish"), audio)
    assert finished.shape == (RATE,)
    assert np.abs(finished).max() == pytest.approx(1.0)
