"""Dials: how much each aspect counts in the distance of sounds."""

import numpy as np
import pytest

from contracts.search import MeasuredField
from contracts.similarity import SimilarityDials
from contracts.tagging import SoundFacts
from services.library.search import likeness
from services.library.search.aspects import aspect_gaps, dialled_distances
from tests.library.catalogue import Catalogue, User
from tests.library.similarity.crate import add_samples, angle, sample
from tests.library.similarity.test_similar import names

PITCHES = {"low": (0, 50.0), "same": (10, 100.0), "near": (5, 190.0), "unpitched": (1, None)}


def values(**known: list[float]) -> dict[str, np.ndarray]:
    size = len(next(iter(known.values())))
    unknown = np.full(size, np.nan)
    return {field.value: np.array(known.get(field.value, unknown)) for field in MeasuredField}


def test_gaps_are_shares_and_unknown_where_a_value_is() -> None:
    others = values(
        pitch=[220.0, 440.0, np.nan],
        bpm=[240.0, 170.0, 90.0],
        loudness=[-20.0, -8.0, -40.0],
        attack=[0.01, 0.16, 0.01],
        duration=[1.0, 1.0, 16.0],
    )
    example = {"pitch": 220.0, "bpm": 120.0, "loudness": -14.0, "attack": 0.01, "duration": 1.0}
    gaps = aspect_gaps(others, [(example, 1.0)])
    assert "timbre" not in gaps
    np.testing.assert_allclose(gaps["pitch"], [0.0, 1.0, np.nan])
    # 240 is twice 120; 170 is half an octave off, within two percent; 90 is 0.415 octaves below.
    np.testing.assert_allclose(gaps["rhythm"], [0.0, 0.995, 0.830], atol=0.003)
    np.testing.assert_allclose(gaps["loudness"], [0.25, 0.25, 1.0])
    np.testing.assert_allclose(gaps["envelope"], [0.0, 0.5, 0.5])


def test_gaps_are_means_over_examples_with_positive_weights() -> None:
    others = values(pitch=[100.0])
    examples = [({"pitch": 100.0}, 1.0), ({"pitch": 200.0}, 0.5), ({"pitch": 400.0}, -1.0)]
    np.testing.assert_allclose(aspect_gaps(others, examples)["pitch"], [1 / 3])


def test_a_dial_counts_what_is_known_of_the_example() -> None:
    far, gaps = np.array([0.2, 0.4]), {"pitch": np.array([np.nan, 0.0])}
    dials = SimilarityDials(timbre=1.0, pitch=1.0, loudness=1.0)
    np.testing.assert_allclose(dialled_distances(far, gaps, dials), [0.6, 0.2])
    np.testing.assert_allclose(dialled_distances(far, {}, dials), far)
    with pytest.raises(ValueError, match="no dial"):
        dialled_distances(far, gaps, SimilarityDials(timbre=0.0, loudness=1.0))


async def pitched(user: User, catalogue: Catalogue) -> dict[str, str]:
    sounds = [
        sample(name, angle(place), sound=SoundFacts(loudness=-12.0, pitch=pitch))
        for name, (place, pitch) in PITCHES.items()
    ]
    sounds.append(sample("tone", angle(0), sound=SoundFacts(loudness=-12.0, pitch=100.0)))
    return await add_samples(user, catalogue, sounds)


async def test_a_dial_changes_the_order_and_the_distance(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await pitched(user, catalogue)
    path = f"/items/{items['tone']}/similar"
    assert names(await user.get(path)) == ["low", "unpitched", "near", "same"]
    answer = await user.get(path, pitch=1)
    assert names(answer) == ["same", "near", "low", "unpitched"]
    first = answer["items"][0]
    assert first["vector_distance"] == pytest.approx(1 - np.cos(np.deg2rad(10)), abs=0.002)
    assert first["distance"] == pytest.approx(first["vector_distance"] / 2, abs=1e-5)
    body = {"like": [{"item": items["tone"]}], "dials": {"timbre": 0, "pitch": 1}, "limit": 2}
    page = await user.post("/search/similar", body)
    assert names(page) == ["same", "near"]
    rest = await user.post("/search/similar", body | {"cursor": page["next"]})
    # An octave below and no pitch differ by 1 each; the newer item comes first.
    assert sorted(names(rest)) == ["low", "unpitched"]
    assert rest["next"] is None


async def test_all_pages_hold_each_sound_once(catalogue: Catalogue) -> None:
    user = catalogue.user()
    same = [sample(f"copy{number}", angle(30)) for number in range(7)]
    items = await add_samples(user, catalogue, [sample("kick", angle(0)), *same])
    path, cursor, listed = f"/items/{items['kick']}/similar", None, []
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await user.get(path, **query)
        listed += names(page)
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(listed) == [f"copy{number}" for number in range(7)]
    refused = await user.http.get(f"/v1{path}", params={"cursor": "nothing"})
    assert refused.status_code == 422


@pytest.mark.parametrize("dials", [{"timbre": 0}, {"timbre": 0, "rhythm": 1}])
async def test_dials_that_compare_nothing_are_refused(
    catalogue: Catalogue, dials: dict[str, float]
) -> None:
    user = catalogue.user()
    items = await pitched(user, catalogue)
    refused = await user.http.get(f"/v1/items/{items['tone']}/similar", params=dials)
    assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "dials")


async def test_more_sounds_than_are_compared_by_vectors_are_compared_by_values(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = catalogue.user()
    items = await pitched(user, catalogue)
    monkeypatch.setattr(likeness, "MAX_NEAR", 2)
    monkeypatch.setattr(likeness, "MAX_MEASURED", 2)
    answer = await user.get(f"/items/{items['tone']}/similar", pitch=1, limit=2)
    # "same" is the last by vectors, so only its pitch brings it among the candidates.
    assert names(answer)[0] == "same"
