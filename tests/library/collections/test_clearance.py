"""The clearance sheet: licence and source are inherited by everything cut from an item."""

import csv
import io

from tests.library.catalogue import Catalogue
from tests.library.collections.crate import samples


async def test_licence_and_source_are_read_through_the_lineage(catalogue: Catalogue) -> None:
    user = catalogue.user()
    (song,) = await samples(
        catalogue,
        user,
        1,
        metadata={"License": "CC-BY-4.0", "artist": "Ann", "url": "https://example.org/a"},
    )
    (stem,) = await samples(catalogue, user, 1, parent=song, metadata={"licence": " "})
    (cut,) = await samples(catalogue, user, 1, parent=stem)
    (own,) = await samples(catalogue, user, 1, parent=stem, metadata={"licence": "CC0-1.0"})
    (bare,) = await samples(catalogue, user, 1)
    id_ = (await user.post("/collections", {"name": "For the film"}))["id"]
    items = [cut, bare, own, song]
    await user.post(f"/collections/{id_}/items", {"items": items})
    first = await user.get(f"/collections/{id_}/clearance", limit=3)
    rest = await user.get(f"/collections/{id_}/clearance", limit=3, cursor=first["next"])
    rows = first["items"] + rest["items"]
    assert [row["item"] for row in rows] == items
    assert [(row["status"], row["licence"], row["licence_from"]) for row in rows] == [
        ("inherited", "CC-BY-4.0", song),
        ("unknown", None, None),
        ("own", "CC0-1.0", own),
        ("own", "CC-BY-4.0", song),
    ]
    assert [row["source"] for row in rows] == [song, bare, song, song]
    assert [row["artist"] for row in rows] == ["Ann", None, "Ann", "Ann"]
    assert rows[0]["url"] == "https://example.org/a"


async def test_the_sheet_as_csv_is_whole_and_runs_no_formula(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await samples(catalogue, user, 230, metadata={"artist": '=cmd|"a"', "title": "a, b"})
    id_ = (await user.post("/collections", {"name": "All"}))["id"]
    await user.post(f"/collections/{id_}/items", {"items": items})
    path = f"/v1/collections/{id_}/clearance"
    answer = await user.http.get(path, params={"format": "csv", "limit": 1})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["item"] for row in rows] == items
    assert {(row["artist"], row["title"]) for row in rows} == {('\'=cmd|"a"', "a, b")}
    assert (await user.http.get(path, params={"format": "pdf"})).status_code == 422
    empty = (await user.post("/collections", {"name": "Empty"}))["id"]
    answer = await user.http.get(f"/v1/collections/{empty}/clearance", params={"format": "csv"})
    assert len(answer.text.splitlines()) == 1
