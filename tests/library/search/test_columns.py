"""Columns in memory take in changed documents, wherever their ids lie."""

import numpy as np
import pytest

from services.library.search.columns import CODED, NUMBERS, ColumnPart, Columns


def part(documents: dict[int, int], revision: int) -> ColumnPart:
    """Return documents whose every value is the same number."""
    ids = np.array(list(documents), np.int64)
    values = np.array(list(documents.values()), np.int64)
    return ColumnPart(
        revision=revision,
        arrays={
            "ids": ids,
            "items": np.repeat(values[:, None], 16, axis=1).astype(np.uint8),
            "live": values > 0,
            "favourite": values > 9,
            "rating": values.astype(np.int8),
            "created": values,
            **{name: values.astype(np.int32) for name in CODED},
            **{name: values.astype(np.float32) for name in NUMBERS},
        },
        tag_documents=np.repeat(ids, 2),
        tag_codes=np.stack((values % 5, 5 + values % 3), axis=1).ravel().astype(np.int32),
    )


def held(columns: Columns) -> dict[int, int]:
    """Return the value of each document, which must be the same in every column."""
    values = columns.created
    for array in (*columns.coded.values(), *columns.numbers.values(), columns.rating):
        np.testing.assert_array_equal(array, values)
    np.testing.assert_array_equal(columns.items, np.repeat(values[:, None], 16, axis=1))
    np.testing.assert_array_equal(columns.live, values > 0)
    np.testing.assert_array_equal(columns.favourite, values > 9)
    assert (np.diff(columns.ids) > 0).all()
    return dict(zip(columns.ids.tolist(), values.tolist(), strict=True))


def tags(columns: Columns) -> set[tuple[int, int]]:
    pairs = zip(columns.tag_documents.tolist(), columns.tag_codes.tolist(), strict=True)
    listed = list(pairs)
    assert len(listed) == len(set(listed))
    return set(listed)


@pytest.mark.parametrize("seed", range(5))
def test_columns_hold_the_newest_of_each_document(seed: int) -> None:
    chance = np.random.default_rng(seed)
    columns, expected = Columns(), dict[int, int]()
    for number in range(8):
        columns.tags.add(f"tag {number}")
    for revision in range(1, 12):
        # New documents behind all others, before them and between them, and changed ones.
        drawn = chance.choice(40, int(chance.integers(1, 8)), replace=False)
        batches = [
            {int(id_): int(chance.integers(0, 20)) for id_ in some}
            for some in (drawn, drawn[: int(chance.integers(0, 3))])
            if len(some)
        ]
        columns.merge([part(documents, revision) for documents in batches])
        for documents in batches:
            expected |= documents
        assert held(columns) == dict(sorted(expected.items()))
        assert tags(columns) == {
            pair
            for id_, value in expected.items()
            for pair in ((id_, value % 5), (id_, 5 + value % 3))
        }
        assert columns.revision == revision


def test_a_search_goes_on_with_the_columns_that_it_began_with() -> None:
    columns = Columns()
    columns.merge([part({1: 3, 2: 4}, 1)])
    created, ids = columns.created, columns.ids
    columns.merge([part({2: 5, 3: 6}, 2)])
    assert (created.tolist(), ids.tolist()) == ([3, 4], [1, 2])
    assert held(columns) == {1: 3, 2: 5, 3: 6}
