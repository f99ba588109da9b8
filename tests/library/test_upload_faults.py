"""Uploads while the store is slow, away, or holds what it should not: nothing waits or leaks."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from contracts.objects import Bucket
from kit.clock import SystemClock
from kit.objects.base import ObjectError
from kit.objects.files import FileStore
from services.library.catalogue.tables import UploadRow
from tests.library.catalogue import Catalogue, open_catalogue, sha256

DATA = secrets.token_bytes(3000)
ORIGINALS = Bucket.ORIGINALS


class Store(FileStore):
    """A store that may be slow or away while uploads are opened or aborted."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.away = False
        self.upload_started = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def start_upload(self, bucket: Bucket, key: str, *, media_type: str) -> str:
        self.upload_started.set()
        await self.answers.wait()
        self._here()
        return await super().start_upload(bucket, key, media_type=media_type)

    async def abort_upload(self, bucket: Bucket, key: str, reference: str) -> None:
        self._here()
        await super().abort_upload(bucket, key, reference)

    def _here(self) -> None:
        if self.away:
            raise ObjectError("the store is away")


class Later(SystemClock):
    """The time in a day and an hour."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=25)


@pytest.fixture
async def catalogue(library_url: str, tmp_path: Path) -> AsyncIterator[Catalogue]:
    async with open_catalogue(library_url, tmp_path, store=Store) as opened:
        yield opened


def store_of(catalogue: Catalogue) -> Store:
    assert isinstance(catalogue.objects, Store)
    return catalogue.objects


async def count_multipart_uploads(catalogue: Catalogue) -> int:
    """Return how many multipart uploads the store has under way."""
    return len([upload async for upload in catalogue.objects.uploads(ORIGINALS, "")])


async def states(catalogue: Catalogue) -> list[str]:
    async with catalogue.database.session() as session:
        return list(await session.scalars(select(col(UploadRow.state))))


async def let_time_pass(catalogue: Catalogue) -> None:
    """Let every upload's time be over, and clear away what follows."""
    async with catalogue.database.transaction() as session:
        past = catalogue.database.now(offset=-timedelta(seconds=1))
        await session.execute(update(UploadRow).values(expires=past))
    for _ in range(2):  # What the first round finds is cleared away by the second.
        await catalogue.cleanup().tidy()


async def test_a_slow_store_keeps_nobody_waiting(catalogue: Catalogue) -> None:
    user, store = catalogue.user(), store_of(catalogue)
    item = await user.track()
    store.answers.clear()
    store.upload_started.clear()
    slow = asyncio.create_task(user.open(DATA))
    await store.upload_started.wait()
    # The same owner writes meanwhile: neither the owner's lock nor SQLite's one writer is held.
    job = await user.post("/jobs", {"item": item, "task": "midi"})
    assert job["state"] == "queued"
    store.answers.set()
    assert (await slow)["state"] == "open"


async def test_an_unavailable_store_leaves_no_upload_behind(catalogue: Catalogue) -> None:
    user, store = catalogue.user(), store_of(catalogue)
    store.away = True
    body = {"name": "x", "size": len(DATA), "sha256": sha256(DATA)}
    answer = await user.http.post("/v1/uploads", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert await states(catalogue) == ["aborted"]
    assert (await user.get("/usage"))["total"] == 0


async def test_an_announcement_with_a_key_goes_on_when_the_store_is_back(
    catalogue: Catalogue,
) -> None:
    user, store = catalogue.user(), store_of(catalogue)
    store.away = True
    body = {"name": "x", "size": len(DATA), "sha256": sha256(DATA)}
    key = {"Idempotency-Key": "k"}
    answer = await user.http.post("/v1/uploads", json=body, headers=key)
    assert answer.status_code == 503
    store.away = False
    upload = await user.post("/uploads", body, key="k")
    assert upload["state"] == "open"
    await user.send(upload, DATA)
    assert (await user.post(f"/uploads/{upload['id']}/complete"))["state"] == "completed"


async def test_requests_at_once_open_one_upload_in_the_store(catalogue: Catalogue) -> None:
    user = catalogue.user()
    body = {"name": "x", "size": len(DATA), "sha256": sha256(DATA)}
    uploads = await asyncio.gather(*(user.post("/uploads", body, key="k") for _ in range(6)))
    assert {upload["state"] for upload in uploads} == {"open"}
    assert await count_multipart_uploads(catalogue) == 1
    await user.send(uploads[-1], DATA)
    assert (await user.post(f"/uploads/{uploads[0]['id']}/complete"))["state"] == "completed"


async def test_what_the_store_opened_for_one_who_was_cut_off_is_cleared_away(
    catalogue: Catalogue,
) -> None:
    user, store = catalogue.user(), store_of(catalogue)
    store.answers.clear()
    cut_off = asyncio.create_task(user.open(DATA))
    await store.upload_started.wait()
    cut_off.cancel()
    await asyncio.wait([cut_off])
    # As if the process had ended between the store's answer and the note of it.
    (row,) = await rows(catalogue)
    await FileStore.start_upload(store, ORIGINALS, row.object_key, media_type="audio/wav")
    assert (row.state, await count_multipart_uploads(catalogue)) == ("opening", 1)
    await let_time_pass(catalogue)
    assert (await states(catalogue), await count_multipart_uploads(catalogue)) == (["aborted"], 0)
    assert (await user.get("/usage"))["total"] == 0


async def rows(catalogue: Catalogue) -> list[UploadRow]:
    async with catalogue.database.session() as session:
        return list(await session.scalars(select(UploadRow)))


async def test_an_upload_that_the_store_could_not_drop_is_dropped_later(
    catalogue: Catalogue,
) -> None:
    user, store = catalogue.user(), store_of(catalogue)
    upload = await user.open(DATA)
    await user.send(upload, DATA, parts=1)
    store.away = True
    assert (await user.http.delete(f"/v1/uploads/{upload['id']}")).status_code == 204
    assert await count_multipart_uploads(catalogue) == 1
    store.away = False
    await catalogue.cleanup().tidy()
    assert await count_multipart_uploads(catalogue) == 0


async def test_an_upload_that_holds_more_than_was_announced_is_given_up(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    honest, over = await user.open(DATA), await user.open(secrets.token_bytes(100))
    for upload in (honest, over):
        await user.send(upload, DATA if upload is honest else b"x" * 100)
    # As a store would take it that does not hold a part to the size it was signed for.
    (row,) = [row for row in await rows(catalogue) if row.id == over["id"]]
    folder = catalogue.objects.upload_folder(ORIGINALS, row.object_key, row.reference)
    (folder / f"00002.{'0' * 32}.part").write_bytes(bytes(1000))
    cleanup = catalogue.cleanup()
    await cleanup.check_uploads()
    assert (await user.get(f"/uploads/{over['id']}"))["state"] == "aborted"
    assert (await user.get(f"/uploads/{honest['id']}"))["state"] == "open"
    await cleanup.tidy()
    assert await count_multipart_uploads(catalogue) == 1
    assert (await user.get("/usage"))["uploads"] == len(DATA)


async def test_what_the_store_has_and_nobody_knows_is_aborted_after_a_day(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    await user.open(DATA)
    await catalogue.objects.start_upload(ORIGINALS, "who/knows/original", media_type="audio/wav")
    await catalogue.cleanup().check_uploads()
    assert await count_multipart_uploads(catalogue) == 2, "a young upload may be under way"
    await catalogue.cleanup(clock=Later()).check_uploads()
    assert [upload.key async for upload in catalogue.objects.uploads(ORIGINALS, "who")] == []
    assert await count_multipart_uploads(catalogue) == 1
