"""Files of descriptors: one row for each item of a search, with its vector."""

import io
import json
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from contracts.tagging import SoundClass
from services.library.descriptors import rows
from tests.library.catalogue import Catalogue, User
from tests.library.similarity.crate import add_samples, angle, sample


async def crate(catalogue: Catalogue, user: User) -> dict[str, str]:
    """Return the ids by name of a song, two kicks with vectors and a snare without one."""
    ids = await add_samples(
        user,
        catalogue,
        [
            sample("low", angle(0)),
            sample("high", angle(60)),
            sample("crack", None, label=SoundClass.SNARE),
        ],
    )
    edit = {"items": [ids["low"]], "add_tags": ["vinyl"], "favourite": True, "rating": 4}
    await user.post("/items/edit", {"edits": [edit]})
    return ids


async def fetch(user: User, **params: Any) -> Any:
    answer = await user.http.get("/v1/search/descriptors", params=params)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture(autouse=True, params=[500, 2])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read all rows at once, and in several parts."""
    monkeypatch.setattr(rows, "AT_ONCE", request.param)


async def test_a_parquet_file_has_a_row_for_each_item(catalogue: Catalogue) -> None:
    user = catalogue.user()
    ids = await crate(catalogue, user)
    answer = await fetch(user, q="kind:sample")
    assert "descriptors.parquet" in answer.headers["content-disposition"]
    table = parquet.read_table(io.BytesIO(answer.content))
    by_name = {row["name"]: row for row in table.to_pylist()}
    assert {name: row["item"] for name, row in by_name.items()} == ids
    low, crack = by_name["low"], by_name["crack"]
    assert (low["class"], low["favourite"], low["rating"]) == ("kick", True, 4)
    assert "vinyl" in low["tags"]
    assert low["vector"] == pytest.approx([1, 0, 0], abs=1e-3)
    assert by_name["high"]["vector"] == pytest.approx([0.5, 0.866, 0], abs=1e-3)
    assert (low["space"], low["space_version"]) == ("sample", "kits-1")
    assert (crack["vector"], crack["space"], crack["rating"]) == (None, None, 0)
    manifest = json.loads(table.schema.metadata[b"cratedig"])
    assert (manifest["query"], manifest["count"]) == ("kind:sample", 3)
    assert set(manifest["columns"]) < set(table.column_names)


async def test_a_numpy_archive_has_the_same_rows(catalogue: Catalogue) -> None:
    user = catalogue.user()
    ids = await crate(catalogue, user)
    answer = await fetch(user, q="kind:sample", format="npz")
    table = parquet.read_table(io.BytesIO((await fetch(user, q="kind:sample")).content))
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as archive:
        assert archive["item"].tolist() == table["item"].to_pylist()
        assert archive["name"].tolist() == table["name"].to_pylist()
        assert archive["class"].tolist() == table["class"].to_pylist()
        assert archive["created"].tolist() == [
            time.replace(tzinfo=None) for time in table["created"].to_pylist()
        ]
        np.testing.assert_array_equal(
            archive["loudness"], np.array(table["loudness"].to_pylist(), np.float32)
        )
        assert list(map(json.loads, archive["tags"].tolist())) == table["tags"].to_pylist()
        described = archive["item"][archive["rows-sample-kits-1"]].tolist()
        assert set(described) == {ids["low"], ids["high"]}
        vectors = [vector for vector in table["vector"].to_pylist() if vector is not None]
        np.testing.assert_array_equal(archive["vectors-sample-kits-1"], np.array(vectors, "f4"))
        assert json.loads(str(archive["manifest"]))["count"] == 3


async def test_a_search_without_results_is_an_empty_file(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await crate(catalogue, user)
    content = (await fetch(user, q="class:tom")).content
    assert parquet.read_table(io.BytesIO(content)).num_rows == 0
    content = (await fetch(user, q="class:tom", format="npz")).content
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert {len(archive[name]) for name in ("item", "name", "bpm", "tags")} == {0}


async def test_rows_of_others_and_hidden_ones_are_in_no_file(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    ids = await crate(catalogue, user)
    await user.http.delete(f"/v1/items/{ids['high']}")
    table = parquet.read_table(io.BytesIO((await fetch(user, q="kind:sample")).content))
    assert sorted(table["name"].to_pylist()) == ["crack", "low"]
    content = (await fetch(other)).content
    assert parquet.read_table(io.BytesIO(content)).num_rows == 0


async def test_vectors_can_be_left_out(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await crate(catalogue, user)
    content = (await fetch(user, q="low", vectors=False)).content
    assert parquet.read_table(io.BytesIO(content))["vector"].to_pylist() == [None]


@pytest.mark.parametrize(
    "params", [{"format": "csv"}, {"q": "like:00000000-0000-4000-8000-000000000000"}, {"limit": 5}]
)
async def test_what_makes_no_file_is_refused(catalogue: Catalogue, params: dict[str, Any]) -> None:
    answer = await catalogue.user().http.get("/v1/search/descriptors", params=params)
    assert answer.status_code == 422
