"""Uploads: sent in parts, resumed, checked, and the same bytes once."""

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from contracts.ingest import RejectionReason
from contracts.jobs import Claim, Reason, TaskName
from contracts.objects import Bucket
from kit.worker.files import InputLost, fetch_inputs
from services.library.catalogue.tables import ItemRow, UploadRow
from services.library.jobs.tables import JobRow
from services.library.settings import LibrarySettings
from tests.library.catalogue import PART, Catalogue, open_catalogue, sha256

DATA = secrets.token_bytes(3 * PART + 10)


async def test_a_file_in_parts_becomes_an_item_with_an_ingest_job(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.open(DATA, name="Night Drive.wav", kind="track", metadata={"artist": "Me"})
    assert (upload["state"], upload["part_size"], upload["received"]) == ("open", PART, [])
    assert [(p["number"], p["offset"], p["size"]) for p in upload["missing"]] == [
        (1, 0, PART),
        (2, PART, PART),
        (3, 2 * PART, PART),
        (4, 3 * PART, 10),
    ]
    await user.send(upload, DATA)
    done = await user.post(f"/uploads/{upload['id']}/complete")
    assert (done["state"], done["missing"], done["duplicate"]) == ("completed", [], False)
    item = await user.get(f"/items/{done['item']}")
    assert (item["state"], item["kind"], item["name"]) == ("ingesting", "track", "Night Drive.wav")
    assert item["metadata"] == {"artist": "Me"}
    job = await user.get(f"/jobs/{done['job']}")
    assert (job["task"], job["state"], job["subject"]["id"]) == ("ingest", "queued", done["item"])
    claim = await catalogue.claim(TaskName.INGEST)
    (source,) = claim.inputs
    assert (source.sha256, source.size, claim.item.declared) == (sha256(DATA), len(DATA), "track")
    assert await catalogue.objects.digest(Bucket(source.bucket), source.key) == sha256(DATA)


async def test_a_broken_off_upload_goes_on_with_what_is_missing(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.open(DATA)
    await user.send(upload, DATA, parts=2)
    again = await user.get(f"/uploads/{upload['id']}")
    assert [p["number"] for p in again["received"]] == [1, 2]
    assert [p["number"] for p in again["missing"]] == [3, 4]
    early = await user.http.post(f"/v1/uploads/{upload['id']}/complete")
    assert early.status_code == 409
    assert "3, 4" in early.json()["detail"]
    await user.send(again, DATA)
    done = await user.post(f"/uploads/{upload['id']}/complete")
    assert done["state"] == "completed"
    assert await user.post(f"/uploads/{upload['id']}/complete") == done


async def test_no_more_than_a_hundred_missing_parts_are_shown(catalogue: Catalogue) -> None:
    user = catalogue.user()
    data = secrets.token_bytes(130 * PART)
    upload = await user.open(data)
    assert len(upload["missing"]) == 100
    await user.send(upload, data)
    rest = await user.get(f"/uploads/{upload['id']}")
    assert [p["number"] for p in rest["missing"]] == list(range(101, 131))


async def verify(catalogue: Catalogue, folder: Path) -> Claim:
    """Begin the next ingest job as a worker does, and say what it finds of the bytes."""
    claim = await catalogue.claim(TaskName.INGEST)
    try:
        await fetch_inputs(catalogue.objects, claim, folder)
    except InputLost as error:
        await catalogue.fail(claim, error.reason)
    return claim


async def test_other_bytes_than_announced_are_refused_and_removed(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    user = catalogue.user()
    upload = await user.open(DATA, sha256=sha256(b"another file"))
    await user.send(upload, DATA)
    done = await user.post(f"/uploads/{upload['id']}/complete")
    claim = await verify(catalogue, tmp_path)
    item = await user.get(f"/items/{done['item']}")
    assert item["state"] == "rejected"
    assert "does not have the SHA-256 that was announced" in item["rejection"]
    assert "Upload the file again" in item["rejection"]
    assert (await user.get(f"/jobs/{claim.job}"))["reason"]["code"] == "damaged_file"
    assert (await user.get(f"/items/{done['item']}/artifacts"))["items"] == []
    assert (await user.get("/usage"))["total"] == 0
    await catalogue.cleanup().tidy()
    assert await catalogue.objects.head(Bucket.ORIGINALS, claim.inputs[0].key) is None
    # Nothing is left that could be tried again, and that is said as well.
    again = await user.post(f"/jobs/{claim.job}/retry")
    await verify(catalogue, tmp_path)
    assert (await user.get(f"/jobs/{again['id']}"))["reason"]["code"] == "missing_file"


async def test_an_announced_digest_proves_nothing(catalogue: Catalogue, tmp_path: Path) -> None:
    user = catalogue.user()
    wrong = await user.open(bytes(len(DATA)), sha256=sha256(DATA))
    await user.send(wrong, bytes(len(DATA)))
    first = await user.post(f"/uploads/{wrong['id']}/complete")
    # Not checked yet: whoever announces the same digest has to send the bytes.
    right = await user.open(DATA)
    assert (right["state"], right["duplicate"]) == ("open", False)
    await verify(catalogue, tmp_path)
    await user.send(right, DATA)
    second = await user.post(f"/uploads/{right['id']}/complete")
    assert (second["duplicate"], second["item"] == first["item"]) == (False, False)
    await verify(catalogue, tmp_path)
    assert (await user.get(f"/items/{second['item']}"))["state"] == "ingesting"
    # Nor is it for another account, whatever it announced and sent.
    thief = catalogue.user()
    assert (await thief.open(DATA))["state"] == "open"


async def test_what_was_cancelled_before_it_was_read_is_no_duplicate(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.upload(DATA)
    await user.post(f"/jobs/{upload['job']}/cancel")
    assert (await user.get(f"/items/{upload['item']}"))["state"] == "rejected"
    again = await user.upload(DATA)
    assert (again["duplicate"], again["item"] == upload["item"]) == (False, False)
    await catalogue.ingest_next()
    # The first can still be taken in, though the second has the digest by now.
    await user.post(f"/jobs/{upload['job']}/retry")
    await catalogue.ingest_next()
    states = [item["state"] for item in (await user.get("/items"))["items"]]
    assert states == ["ready", "ready"]
    assert (await user.open(DATA))["item"] == again["item"]


async def test_a_file_that_is_refused_for_what_it_holds_is_known(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.upload(DATA)
    claim = await catalogue.claim(TaskName.INGEST)
    await catalogue.fail(
        claim, Reason(code=RejectionReason.UNSUPPORTED, message="This is no sound.")
    )
    again = await user.open(DATA)
    assert (again["duplicate"], again["item"]) == (True, upload["item"])


async def test_the_same_bytes_of_the_same_owner_are_one_item(catalogue: Catalogue) -> None:
    user = catalogue.user()
    first, late = await user.open(DATA), await user.open(DATA, name="again.wav")
    for upload in (first, late):
        await user.send(upload, DATA)
    done = await user.post(f"/uploads/{first['id']}/complete")
    same = await user.post(f"/uploads/{late['id']}/complete")
    assert (same["item"], same["job"], same["duplicate"]) == (done["item"], done["job"], True)
    await catalogue.ingest_next()
    at_once = await user.open(DATA)
    assert (at_once["state"], at_once["item"], at_once["missing"]) == (
        "completed", done["item"], [],
    )  # fmt: skip
    other = await catalogue.user().upload(DATA)
    assert not other["duplicate"]
    assert other["item"] != done["item"]


async def test_completing_at_the_same_time_makes_one_item(catalogue: Catalogue) -> None:
    user = catalogue.user()
    uploads = [await user.open(DATA) for _ in range(3)]
    for upload in uploads:
        await user.send(upload, DATA)
    done = await asyncio.gather(
        *(user.post(f"/uploads/{u['id']}/complete") for u in uploads for _ in range(3))
    )
    assert len({completed["item"] for completed in done}) == 1
    assert len(await rows(catalogue, ItemRow)) == 1
    assert len(await rows(catalogue, JobRow)) == 1


async def test_an_interrupted_completion_can_be_repeated(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.open(DATA)
    await user.send(upload, DATA)
    (row,) = await rows(catalogue, UploadRow)
    parts = await catalogue.objects.parts(Bucket.ORIGINALS, row.object_key, row.reference)
    # As if the process had died between joining the parts and writing that it had.
    await catalogue.objects.complete_upload(Bucket.ORIGINALS, row.object_key, row.reference, parts)
    assert (await user.post(f"/uploads/{upload['id']}/complete"))["state"] == "completed"


async def test_an_aborted_upload_is_gone(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.open(DATA)
    await user.send(upload, DATA, parts=1)
    assert (await user.http.delete(f"/v1/uploads/{upload['id']}")).status_code == 204
    assert (await user.get(f"/uploads/{upload['id']}"))["missing"] == []
    assert (await user.http.post(f"/v1/uploads/{upload['id']}/complete")).status_code == 410
    done = await user.upload(DATA)
    assert (await user.http.delete(f"/v1/uploads/{done['id']}")).status_code == 409


async def test_an_upload_ends_after_a_day(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.open(DATA)
    await user.send(upload, DATA)
    async with catalogue.database.transaction() as session:
        await session.execute(
            update(UploadRow).values(expires=catalogue.database.now(offset=-timedelta(seconds=1)))
        )
    assert (await user.http.post(f"/v1/uploads/{upload['id']}/complete")).status_code == 410


async def test_an_empty_file_is_taken_as_what_it_is(catalogue: Catalogue) -> None:
    user = catalogue.user()
    upload = await user.open(b"")
    assert [(p["number"], p["size"]) for p in upload["missing"]] == [(1, 0)]
    await user.send(upload, b"")
    assert (await user.post(f"/uploads/{upload['id']}/complete"))["state"] == "completed"


async def test_limits_of_an_owner(library_url: str, tmp_path: Path) -> None:
    settings = LibrarySettings(upload_bytes=5000, owner_bytes=9000, owner_uploads=2)
    async with open_catalogue(library_url, tmp_path, settings) as catalogue:
        user = catalogue.user()

        async def refused(size: int) -> int:
            body = {"name": "x", "size": size, "sha256": sha256(str(size).encode())}
            return (await user.http.post("/v1/uploads", json=body)).status_code

        assert await refused(5001) == 413
        await user.upload(secrets.token_bytes(5000))
        assert await refused(4001) == 413
        first = await user.open(secrets.token_bytes(2000))
        assert await refused(2001) == 413
        await user.open(secrets.token_bytes(2000))
        assert await refused(1) == 429
        assert (await user.http.delete(f"/v1/uploads/{first['id']}")).status_code == 204
        assert await refused(1) == 201


async def test_announcing_twice_with_a_key_opens_one_upload(catalogue: Catalogue) -> None:
    user = catalogue.user()
    body = {"name": "a", "size": 3, "sha256": sha256(b"abc")}
    uploads = await asyncio.gather(*(user.post("/uploads", body, key="k1") for _ in range(8)))
    assert len({upload["id"] for upload in uploads}) == 1
    other = await user.http.post(
        "/v1/uploads", json=body | {"size": 4}, headers={"Idempotency-Key": "k1"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert (await catalogue.user().post("/uploads", body, key="k1"))["id"] != uploads[0]["id"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": -1},
        {"size": 1 << 60},
        {"sha256": "xyz"},
        {"name": ""},
        {"owner": "somebody"},
        {"kind": "symphony"},
        {"metadata": {"": "empty"}},
        {"metadata": {"note": "x" * 5000}},
    ],
)
async def test_a_wrong_announcement_says_what_is_wrong(
    catalogue: Catalogue, wrong: dict[str, Any]
) -> None:
    body = {"name": "a", "size": 3, "sha256": sha256(b"abc")} | wrong
    answer = await catalogue.user().http.post("/v1/uploads", json=body)
    assert answer.status_code == 422
    (field,) = answer.json()["fields"]
    assert field["field"].startswith(f"body.{next(iter(wrong))}")


async def rows(catalogue: Catalogue, table: Any) -> list[Any]:
    async with catalogue.database.session() as session:
        return list(await session.scalars(select(table).order_by(col(table.created))))
