"""The parts of the exact search, against what numpy does without tricks."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.vectors.ids import IdIndex, pack, unpack
from kit.vectors.nearest import largest, scores_of

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(0, 5000), st.integers(1, 40), st.floats(0, 1), st.booleans())
def test_the_largest_scores_are_found(
    seed: int, count: int, limit: int, absent: float, equal: bool
) -> None:
    numbers = np.random.default_rng(seed)
    scores = numbers.standard_normal(count, dtype=np.float32)
    if equal:
        scores = np.round(scores)
    scores[numbers.random(count) < absent] = -np.inf
    positions = largest(scores, limit)
    expected = np.sort(scores[np.isfinite(scores)])[::-1][:limit]
    np.testing.assert_array_equal(scores[positions], expected)
    assert len(set(positions.tolist())) == len(positions)


@given(SEEDS, st.integers(1, 30), st.integers(0, 20_000))
def test_scores_of_some_rows_are_their_products(seed: int, dimension: int, count: int) -> None:
    numbers = np.random.default_rng(seed)
    matrix = numbers.standard_normal((300, dimension), dtype=np.float32)
    query = numbers.standard_normal(dimension, dtype=np.float32)
    rows = numbers.integers(0, 300, count)
    np.testing.assert_allclose(
        scores_of(matrix, query, rows), (matrix @ query)[rows], rtol=1e-4, atol=1e-4
    )


# Ids that differ in one half only, and ids whose hashes are equal: the hash is
# high * odd ^ low, so that changing both halves by these amounts leaves it as it is.
_ODD = 0x9E3779B97F4A7C15
_SWAP = int.from_bytes(_ODD.to_bytes(8, "little"), "big")
few = st.integers(0, 3)
ids = st.one_of(
    st.uuids(),
    st.builds(lambda high, low: UUID(int=high << 64 | low), few, few),
    st.sampled_from([UUID(int=0), UUID(int=1 << 120 | _SWAP)]),
)


def test_the_two_ids_of_this_test_share_a_hash() -> None:
    pair = pack([str(UUID(int=0)), str(UUID(int=1 << 120 | _SWAP))])
    index = IdIndex.build(pair, np.arange(2))
    assert index.find(pair, pair).tolist() == [0, 1]
    assert len(set(index._hashes.tolist())) == 1


@given(st.lists(ids, unique=True), st.data())
def test_an_index_knows_the_newest_row_of_each_id(all_ids: list[UUID], data: st.DataObject) -> None:
    rows: dict[str, int] = {}
    every = pack([])
    index = IdIndex.build(every, np.arange(0))
    for _ in range(data.draw(st.integers(0, 4))):
        some = data.draw(
            st.lists(st.sampled_from(all_ids), unique=True) if all_ids else st.just([])
        )
        batch = pack([str(id_) for id_ in some])
        numbers = np.arange(len(every), len(every) + len(batch))
        index = index.updated(batch, numbers, every)
        every = np.concatenate((every, batch))
        rows |= dict(zip(map(str, some), numbers.tolist(), strict=True))
    names = [str(id_) for id_ in all_ids]
    assert index.find(pack(names), every).tolist() == [rows.get(name, -1) for name in names]


@given(st.lists(st.uuids()))
def test_ids_are_packed_and_unpacked(uuids: list[UUID]) -> None:
    names = [str(id_) for id_ in uuids]
    assert unpack(pack(names)) == names


@pytest.mark.parametrize("bad", ["g" * 36, "0" * 32, "{" + "0" * 34 + "}"])
def test_what_is_no_uuid_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a UUID"):
        pack([bad])
