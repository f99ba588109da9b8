"""Layouts of maps: the numbers, and the process that computes them."""

import asyncio

import numpy as np
import pytest

from contracts.maps import CLASSES, GRID, NO_CLASS
from contracts.tagging import SoundClass
from cratedig.types import MapPoints
from kit.arrays import F32
from kit.clock import new_id
from kit.vectors.ids import pack, unpack
from services.library.maps.labels import find_labels
from services.library.maps.layout import into_square, lay_out, place, trustworthiness
from services.library.maps.layout_process import LayoutFailed, LayoutProcess
from services.library.maps.points import PART, Points, on_grid, split, to_answer
from services.library.maps.reading import answer_points
from services.library.search.classes import ItemClasses

KICK, SNARE = (CLASSES.index(name) for name in (SoundClass.KICK, SoundClass.SNARE))


def groups(count: int, *, of: int, seed: int = 0) -> tuple[F32, np.ndarray]:
    """Return unit vectors around some centres, and which centre each is around."""
    chance = np.random.default_rng(seed)
    which = chance.integers(0, of, count)
    vectors = chance.standard_normal((of, 16))[which] + 0.2 * chance.standard_normal((count, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), which


@pytest.mark.filterwarnings("ignore")
def test_sounds_of_a_group_lie_together_and_a_seed_gives_the_same_map() -> None:
    vectors, which = groups(80, of=4)
    layout = lay_out(vectors, seed=5)
    assert layout.places.shape == (80, 2)
    assert 0 <= layout.places.min() < layout.places.max() <= 1
    assert layout.trustworthiness is not None
    assert layout.trustworthiness > 0.9
    nearest = np.array([((layout.places - p) ** 2).sum(axis=1).argsort()[1] for p in layout.places])
    assert (which[nearest] == which).mean() > 0.95
    assert (lay_out(vectors, seed=5).places == layout.places).all()
    # Most are placed among a few that are laid out.
    few = lay_out(vectors, seed=5, landmarks=40)
    assert few.trustworthiness is not None
    assert few.trustworthiness > 0.9


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_few_sounds_have_places(count: int) -> None:
    vectors, _ = groups(count, of=2)
    layout = lay_out(vectors, seed=0)
    assert layout.places.shape == (count, 2)
    assert np.isfinite(layout.places).all()
    assert layout.trustworthiness is None


def test_a_copy_is_placed_where_its_original_is() -> None:
    vectors, _ = groups(60, of=3)
    places = np.random.default_rng(1).random((60, 2))
    assert np.abs(place(vectors[:20], vectors, places) - places[:20]).max() < 0.05


def test_trustworthiness_is_one_for_the_true_distances_and_half_at_random() -> None:
    angles = np.linspace(0, 1.5, 400)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    chance = np.random.default_rng(2)
    assert trustworthiness(circle.astype(np.float32), circle, chance) == pytest.approx(1, abs=1e-3)
    at_random = trustworthiness(circle.astype(np.float32), chance.random((400, 2)), chance)
    assert at_random == pytest.approx(0.5, abs=0.05)


def test_a_layout_is_scaled_alike_in_both_directions() -> None:
    square = into_square(np.array([[0.0, 0.0], [10.0, 5.0]]))
    assert square[:, 0].tolist() == pytest.approx([0.02, 0.98])
    assert square[:, 1].tolist() == pytest.approx([0.26, 0.74])


def test_labels_stand_in_their_regions() -> None:
    chance = np.random.default_rng(3)
    places = np.concatenate(
        [0.05 + 0.2 * chance.random((50, 2)), 0.7 + 0.2 * chance.random((30, 2))]
    )
    classes = np.array([KICK] * 50 + [SNARE] * 28 + [NO_CLASS] * 2, np.uint8)
    first, second = find_labels(places, classes)
    assert (first.text, first.count) == ("kick", 50)
    assert (second.text, second.count) == ("snare", 28)
    assert 0.05 < first.x < 0.25
    assert 0.7 < second.y < 0.9
    assert find_labels(places[:0], classes[:0]) == ()


async def test_the_bytes_of_points_are_read_as_they_were_written() -> None:
    ids = [new_id() for _ in range(3)]
    points = Points(pack(ids), on_grid(np.array([[0, 1], [0.5, 0.5], [1, 0]], np.float64)))
    data = to_answer(points, np.array([KICK, SNARE, NO_CLASS], np.uint8))
    read = MapPoints.from_bytes(data)
    assert read.items == tuple(ids)
    assert (read.x, read.y) == ((0, GRID // 2 + 1, GRID), (GRID, GRID // 2 + 1, 0))
    assert read.classes == (KICK, SNARE, None)
    for wrong in (data[:-1], b"CDM2" + data[4:], b""):
        with pytest.raises(ValueError, match="points"):
            MapPoints.from_bytes(wrong)
    # Only what exists, and is in the collection, is shown.
    known = ItemClasses(pack(ids[::-1][:2]), np.array([SNARE, KICK], np.uint8))
    answer = await answer_points([points.to_bytes()], known, pack(ids[:2]))
    shown = MapPoints.from_bytes(answer.data)
    assert (shown.items, shown.classes) == ((ids[1],), (KICK,))
    empty = await answer_points([], known, None)
    assert MapPoints.from_bytes(empty.data).items == ()


def test_points_are_kept_in_parts() -> None:
    count = PART + 7
    ids = np.arange(16 * count, dtype=np.uint64).astype(np.uint8).reshape(-1, 16)
    points = Points(ids, np.stack([np.arange(count), np.arange(count)[::-1]], axis=1).astype("u2"))
    parts = split(points)
    assert [len(part) for part in parts] == [20 * PART, 20 * 7]
    joined = Points.join([Points.from_bytes(part) for part in parts])
    assert (joined.ids == points.ids).all()
    assert (joined.places == points.places).all()
    assert unpack(joined.ids[:1]) == unpack(points.ids[:1])


async def test_the_process_gives_the_layout_and_ends_when_it_is_not_wanted() -> None:
    vectors, _ = groups(9, of=2)
    layout = await LayoutProcess(threads=1).compute(vectors, seed=4)
    # The sums of this process may be divided among threads, which rounds them otherwise.
    np.testing.assert_allclose(layout.places, lay_out(vectors, seed=4).places, atol=1e-9)
    again = await LayoutProcess(threads=1).compute(vectors, seed=4)
    assert (layout.places == again.places).all()
    waiting = asyncio.create_task(LayoutProcess(threads=1).compute(vectors, seed=4))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(LayoutFailed, match="longer than 0 s"):
        await LayoutProcess(threads=1, timeout=0).compute(vectors, seed=4)
    with pytest.raises(LayoutFailed, match="ended with 1: "):
        await LayoutProcess(threads=1).compute(vectors[0], seed=4)
