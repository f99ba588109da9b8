"""Choosing hits, keys, velocity layers and choke groups."""

from pathlib import Path
from typing import Any

import pytest

from contracts.items import AudioFacts
from contracts.tagging import SoundClass
from services.export.bundle import FileSource, Sample
from services.export.pads import HATS, best_hits, in_order, key_map, velocity_layers
from tests.support.signals import note_frequency

AUDIO = AudioFacts(duration=0.5, sample_rate=44_100, channels=2, samples=22_050)


def sample(name: str, sound: SoundClass | None = None, **fields: Any) -> Sample:
    return Sample(
        path=Path(f"{name}.flac"),
        name=name,
        audio=AUDIO,
        source=FileSource(item="song"),
        sound=sound,
        **fields,
    )


def test_every_class_gets_a_pad_before_any_gets_a_second() -> None:
    kicks = [sample(f"kick {n}", SoundClass.KICK, group=n, score=0.9) for n in range(30)]
    others = [
        sample(sound.value, sound, group=40 + n, score=0.1)
        for n, sound in enumerate(
            (SoundClass.SNARE, SoundClass.CLOSED_HAT, SoundClass.CRASH, SoundClass.VOCAL)
        )
    ]
    pads = best_hits([*kicks, *others])
    assert len(pads) == 16
    names = {pad.name for pad in pads}
    assert {"snare", "closed_hat", "crash", "vocal"} <= names


def test_the_best_of_a_class_wins_and_groups_are_spread() -> None:
    snares = [
        sample("bright 1", SoundClass.SNARE, group=1, score=0.9),
        sample("bright 2", SoundClass.SNARE, group=1, score=0.8),
        sample("dull", SoundClass.SNARE, group=2, score=0.3),
    ]
    assert [pad.name for pad in best_hits(snares, count=1)] == ["bright 1"]
    assert {pad.name for pad in best_hits(snares, count=2)} == {"bright 1", "dull"}


def test_drums_have_the_notes_of_general_midi_and_hats_choke() -> None:
    pads = best_hits(
        [
            sample("k", SoundClass.KICK, score=0.5),
            sample("s", SoundClass.SNARE, score=0.5),
            sample("c", SoundClass.CLOSED_HAT, score=0.5),
            sample("o", SoundClass.OPEN_HAT, score=0.5),
            sample("high tom", SoundClass.TOM, score=0.9, pitch=200.0),
            sample("low tom", SoundClass.TOM, score=0.5, pitch=90.0),
        ]
    )
    notes = {pad.name: pad.note for pad in pads}
    assert notes == {"k": 36, "s": 38, "low tom": 41, "c": 42, "high tom": 43, "o": 46}
    assert {pad.name: pad.choke for pad in pads if pad.choke} == {"c": HATS, "o": HATS}


def test_other_sounds_take_free_notes_of_the_sixteen() -> None:
    samples = [sample(f"v{n:02}", SoundClass.VOCAL, score=0.5) for n in range(20)]
    pads = best_hits([*samples, sample("k", SoundClass.KICK, score=0.1)])
    assert [pad.note for pad in pads] == list(range(36, 52))


def test_loops_are_no_hits() -> None:
    assert best_hits([sample("l", SoundClass.LOOP), sample("b", bars=2)]) == ()


def test_the_choice_does_not_depend_on_the_order() -> None:
    samples = [
        sample(f"{sound.value} {n}", sound, group=n, score=0.5)
        for sound in (SoundClass.KICK, SoundClass.SNARE)
        for n in range(20)
    ]
    assert best_hits(samples) == best_hits(reversed(samples))


def test_a_group_becomes_velocity_layers_of_its_best_hit() -> None:
    hits = [
        sample("loud", SoundClass.SNARE, group=1, score=0.9, level_dbfs=-6.0),
        sample("middle", SoundClass.SNARE, group=1, score=0.4, level_dbfs=-13.0),
    ]
    (pad,) = best_hits([*hits], count=1)
    assert [layer.sample.name for layer in pad.layers] == ["middle", "loud"]
    assert [(layer.low_velocity, layer.high_velocity) for layer in pad.layers] == [
        (1, 89),
        (90, 127),
    ]
    assert [layer.gain_db for layer in pad.layers] == [7.0, 0.0]


def test_equal_levels_are_a_round_robin_of_up_to_four() -> None:
    hits = [sample(f"h{n}", score=0.5, level_dbfs=-10.0 - n / 10) for n in range(9)]
    layers = velocity_layers(hits)
    assert len(layers) == 4
    assert {(layer.low_velocity, layer.high_velocity) for layer in layers} == {(1, 127)}


@pytest.mark.parametrize("levels", [(0, -7), (0, -20), (0, -7, -13, -19, -60), (None, -3)])
def test_velocity_layers_cover_every_velocity_once(levels: tuple[float | None, ...]) -> None:
    hits = [sample(f"h{n}", level_dbfs=level) for n, level in enumerate(levels)]
    layers = velocity_layers(hits)
    ranges = sorted({(layer.low_velocity, layer.high_velocity) for layer in layers})
    covered = [velocity for low, high in ranges for velocity in range(low, high + 1)]
    assert covered == list(range(1, 128))


def test_a_collection_keeps_its_order() -> None:
    samples = [sample(name, SoundClass.OPEN_HAT) for name in ("z", "a", "m")]
    assert [(pad.name, pad.note) for pad in in_order(samples)] == [("z", 36), ("a", 37), ("m", 38)]


def test_a_kit_has_no_more_pads_than_notes() -> None:
    with pytest.raises(ValueError, match="at most 92 pads, not 93"):
        in_order([sample(str(n)) for n in range(93)])


def test_notes_share_the_keys_between_them() -> None:
    pads = key_map(
        [
            sample("g", pitch=note_frequency(55) * 2 ** (30 / 1200), score=0.5),
            sample("c", pitch=note_frequency(48), score=0.5),
            sample("noise"),
        ]
    )
    assert [(pad.note, pad.low_note, pad.high_note) for pad in pads] == [
        (48, 36, 51),
        (55, 52, 67),
    ]
    assert pads[1].layers[0].tune_cents == pytest.approx(-30.0)


def test_one_note_of_several_samples_has_velocity_layers() -> None:
    pads = key_map(
        [
            sample("soft", pitch=220.0, level_dbfs=-20.0),
            sample("loud", pitch=221.0, level_dbfs=-5.0),
        ]
    )
    assert [layer.sample.name for layer in pads[0].layers] == ["soft", "loud"]


def test_nothing_pitched_is_no_instrument() -> None:
    assert key_map([sample("a"), sample("l", SoundClass.LOOP, pitch=220.0)]) == ()
