"""Fits, pools and orders of recommendations, and what is stored of a candidate."""

import numpy as np

from contracts.maps import NO_CLASS
from contracts.recommendations import MAX_STORED, ReasonKind
from kit.arrays import F32
from kit.vectors.base import OwnedVectors, Space
from services.library.recommendations.candidates import KINDS, LikedSounds, choose
from services.library.recommendations.scoring import Taste, arrange, best_of_groups, score
from services.library.search.classes import ItemClasses


def plane(*degrees: float) -> F32:
    """Return unit vectors in a plane, `[degrees, 2]`."""
    radians = np.deg2rad(degrees)
    return np.stack((np.cos(radians), np.sin(radians)), axis=1).astype(np.float32)


def ids(count: int, first: int = 0) -> np.ndarray:
    numbers = np.zeros((count, 16), np.uint8)
    numbers[:, 0], numbers[:, 1] = np.divmod(np.arange(first, first + count), 256)
    numbers[:, 15] = 1
    return numbers


def test_a_sound_close_to_several_examples_fits_better_than_one_close_to_their_mean() -> None:
    taste = Taste(plane(0, 4, 90), np.ones(3, np.float32))
    fits = score(taste, plane(2, 88, 45))
    assert fits.values.argsort().tolist() == [2, 1, 0]
    assert fits.nearest.tolist()[:2] in ([0, 2], [1, 2])
    assert np.allclose(fits.distances[:2], 1 - np.cos(np.deg2rad(2)), atol=1e-5)


def test_weights_count() -> None:
    fits = score(Taste(plane(0, 90), np.array([1.0, 0.1], np.float32)), plane(10, 80))
    assert fits.values[0] > fits.values[1]


def test_the_fit_does_not_depend_on_blocks() -> None:
    chance = np.random.default_rng(0)
    taste = Taste(plane(*chance.uniform(0, 360, 5)), np.ones(5, np.float32))
    vectors = plane(*chance.uniform(0, 360, 9000))
    whole = score(taste, vectors)
    assert np.allclose(whole.values[8990:], score(taste, vectors[8990:]).values, atol=1e-5)


def test_a_pool_keeps_the_share_of_a_class_that_fits_less() -> None:
    values = np.arange(0, -100, -1, dtype=np.float32)
    groups = (np.arange(100) >= 80).astype(np.int64)
    pool = best_of_groups(values, groups, np.array([0.5, 0.5]), 20)
    assert np.bincount(groups[pool]).tolist() == [10, 10]
    assert (np.diff(values[pool]) <= 0).all()
    # What a class does not have goes to the others.
    few = best_of_groups(values[:82], groups[:82], np.array([0.5, 0.5]), 20)
    assert np.bincount(groups[few]).tolist() == [18, 2]


def test_an_order_is_no_row_of_copies_and_follows_the_mix() -> None:
    copies = plane(*np.linspace(0, 0.5, 10), *np.linspace(40, 40.5, 10))
    groups = np.repeat([0, 1], 10)
    values = np.repeat(np.array([0.0, -0.3], np.float32), 10)
    values[-1] = -3.0
    order = arrange(values, copies, groups, np.array([0.5, 0.5]))
    assert sorted(order.tolist()) == list(range(20))
    assert np.bincount(groups[order[:6]], minlength=2).tolist() == [3, 3]


def test_equal_fits_have_an_order() -> None:
    order = arrange(np.zeros(3, np.float32), plane(0, 10, 20), np.zeros(3, np.int64), np.ones(1))
    assert sorted(order.tolist()) == [0, 1, 2]
    none = arrange(np.empty(0, np.float32), plane()[:0], np.empty(0, np.int64), np.ones(1))
    assert none.tolist() == []


def test_candidates_are_bounded_and_name_their_reason() -> None:
    count = MAX_STORED + 100
    items = ids(count)
    vectors = np.random.default_rng(0).standard_normal((count, 16)).astype(np.float32)
    noise = vectors.copy()
    # About 0.33 apart, so that none is too far from the examples to be recommended.
    vectors += 1.4
    away = noise[0] - vectors[0] * (noise[0] @ vectors[0]) / (vectors[0] @ vectors[0])
    # 0.4 from the first: farther than what is called alike.
    vectors[count - 1] = 0.6 * vectors[0] / np.linalg.norm(vectors[0])
    vectors[count - 1] += 0.8 * away / np.linalg.norm(away)
    vectors[1] = vectors[0] + noise[1] / 10
    vectors[2] = vectors[1] + noise[2] / 20
    vectors[count - 3] = vectors[count - 1] + noise[count - 3] / 80
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    crate = {Space("sample", "1", 16): OwnedVectors(items, vectors)}
    collection = ids(1, 9999)
    examples = LikedSounds(
        items[[0, 1, count - 1]],
        np.array([KINDS.index(ReasonKind.COLLECTION)] * 2 + [0], np.uint8),
        np.concatenate((collection, collection, np.zeros((1, 16), np.uint8))),
        np.ones(3, np.float32),
    )
    classes = ItemClasses(items, np.full(count, NO_CLASS, np.uint8))
    candidates, known = choose(crate, examples, items[5:6], classes)
    assert (len(candidates), known) == (MAX_STORED, 3)
    chosen = {bytes(item) for item in candidates["item"]}
    assert not chosen & {bytes(item) for item in items[[0, 1, 5, count - 1]]}
    near = candidates[[bytes(item) == bytes(items[2]) for item in candidates["item"]]][0]
    assert bytes(near["example"]) == bytes(items[1])
    assert KINDS[near["kind"]] is ReasonKind.COLLECTION
    assert (bytes(near["collection"]), near["alike"]) == (bytes(collection[0]), 2)
    far = candidates[[bytes(item) == bytes(items[count - 3]) for item in candidates["item"]]][0]
    assert (KINDS[far["kind"]], far["alike"]) == (ReasonKind.FAVOURITE, 1)
    assert not far["collection"].any()


def test_sounds_of_two_spaces_are_recommended_together() -> None:
    samples, songs = ids(4), ids(3, 100)
    crate = {
        Space("sample", "1", 2): OwnedVectors(samples, plane(0, 5, 10, 15)),
        Space("music", "1", 3): OwnedVectors(
            songs, np.array([[1.0, 0.0, 0.0], [0.99, 0.14, 0.0], [0.0, 1.0, 0.0]], np.float32)
        ),
        Space("sample", "0", 2): OwnedVectors(ids(2, 200), plane(0, 5)),
    }
    examples = LikedSounds(
        np.concatenate((samples[:1], songs[:1])),
        np.zeros(2, np.uint8),
        np.zeros((2, 16), np.uint8),
        np.ones(2, np.float32),
    )
    everything = np.concatenate((samples, songs, ids(2, 200)))
    classes = ItemClasses(everything, np.zeros(len(everything), np.uint8))
    candidates, known = choose(crate, examples, samples[:0], classes)
    assert known == 2
    chosen = [bytes(item) for item in candidates["item"]]
    # None of the version that no liked sound has.
    assert set(chosen) <= {bytes(item) for item in (*samples[1:], *songs[1:])}
    of_songs = [item in {bytes(song) for song in songs} for item in chosen[:2]]
    assert sum(of_songs) == 1


def test_only_some_sounds_are_compared_if_only_some_are_named() -> None:
    items = ids(10)
    crate = {Space("sample", "1", 2): OwnedVectors(items, plane(*range(0, 100, 10)))}
    examples = LikedSounds(
        items[:1], np.zeros(1, np.uint8), np.zeros((1, 16), np.uint8), np.ones(1, np.float32)
    )
    classes = ItemClasses(items, np.zeros(10, np.uint8))
    candidates, _ = choose(crate, examples, items[:0], classes, among=items[[0, 3, 4]])
    assert {bytes(item) for item in candidates["item"]} == {bytes(item) for item in items[[3, 4]]}
