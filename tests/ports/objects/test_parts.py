"""Parts of an upload to a folder store: one file each, whatever is sent to their signed URLs."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from contracts.objects import Bucket
from kit.objects.files import FileStore
from kit.objects.signing import Signer
from tests.ports.objects.test_files import DERIVED, MINUTE, SECRET, client


@pytest.fixture
async def store(tmp_path: Path) -> FileStore:
    opened = FileStore(tmp_path, signer=Signer(SECRET))
    await opened.ensure()
    return opened


async def open_upload(store: FileStore, *, size: int, number: int = 1) -> tuple[str, str]:
    """Open an upload; return its reference and the signed URL of one part."""
    reference = await store.start_upload(DERIVED, "u", media_type="audio/flac")
    url = store.sign_part(DERIVED, "u", reference, number=number, size=size, lasting=MINUTE)
    return reference, url


def stored_bytes(store: FileStore) -> int:
    """Return how many bytes of parts and drafts lie in the store."""
    return sum(p.stat().st_size for p in store.root.rglob("*.part")) + sum(
        p.stat().st_size for p in (store.root / "derived" / "drafts").iterdir()
    )


async def test_a_part_sent_many_times_is_kept_once(store: FileStore) -> None:
    reference, url = await open_upload(store, size=1000)
    async with client(store) as http:
        for _ in range(60):
            data = os.urandom(1000)
            assert (await http.put(url, content=data)).status_code == 200
            assert stored_bytes(store) == 1000
    (part,) = await store.parts(DERIVED, "u", reference)
    await store.complete_upload(DERIVED, "u", reference, [part])
    assert await store.get_bytes(DERIVED, "u") == data, "the latest counts"


async def test_of_a_part_sent_many_times_at_once_one_stays(store: FileStore) -> None:
    reference, url = await open_upload(store, size=1000)
    sent = [os.urandom(1000) for _ in range(40)]
    async with client(store) as http:
        answers = await asyncio.gather(*(http.put(url, content=data) for data in sent))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert any(answer.status_code == 200 for answer in answers)
    assert stored_bytes(store) == 1000
    assert len(await store.parts(DERIVED, "u", reference)) == 1


async def test_versions_that_end_at_once_leave_one(store: FileStore) -> None:
    reference, _ = await open_upload(store, size=1000)
    folder = store.upload_folder(DERIVED, "u", reference)

    def keep(number: int) -> None:
        draft = store.draft(DERIVED)
        draft.write_bytes(bytes([number]) * 1000)
        store.keep_part(folder, draft, number=1, etag=f"{number:032x}")

    for _ in range(20):
        await asyncio.gather(*(asyncio.to_thread(keep, number) for number in range(8)))
        assert stored_bytes(store) == 1000


async def test_a_part_that_is_sent_again_ends_the_earlier_request(store: FileStore) -> None:
    reference, url = await open_upload(store, size=4)
    go_on = asyncio.Event()

    async def halting() -> AsyncIterator[bytes]:
        yield b"ol"
        await go_on.wait()
        yield b"d!"

    async with client(store) as http:
        earlier = asyncio.create_task(http.put(url, content=halting()))
        drafts = store.root / "derived" / "drafts"
        while not list(drafts.iterdir()):  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert (await http.put(url, content=b"newe")).status_code == 200
        go_on.set()
        answer = await earlier
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    (part,) = await store.parts(DERIVED, "u", reference)
    await store.complete_upload(DERIVED, "u", reference, [part])
    assert await store.get_bytes(DERIVED, "u") == b"newe"


def with_query(url: str, **values: str | None) -> str:
    """Return an address with parts of its query changed or, with `None`, left out."""
    path, _, query = url.partition("?")
    parts = dict(httpx.QueryParams(query)) | values
    return f"{path}?{urlencode({k: v for k, v in parts.items() if v is not None})}"


@pytest.mark.parametrize(
    "change",
    [
        {"size": "5000"},
        {"number": "2"},
        {"upload": "0" * 36},
        {"expires": "99999999999"},
        {"expires": None},
        {"signature": "0" * 64},
        {"signature": None},
        {"added": "1"},
    ],
    ids=str,
)
async def test_a_changed_address_of_a_part_takes_nothing(
    store: FileStore, change: dict[str, str | None]
) -> None:
    reference, url = await open_upload(store, size=4)
    async with client(store) as http:
        assert (await http.put(with_query(url, **change), content=b"abcd")).status_code == 403
    assert await store.parts(DERIVED, "u", reference) == ()


async def test_an_address_of_a_part_is_for_its_verb_bucket_and_key(store: FileStore) -> None:
    reference, url = await open_upload(store, size=4)
    await store.put_bytes(Bucket.ORIGINALS, "u", b"theirs", media_type="audio/flac")
    path, _, query = url.partition("?")
    others = [
        f"{path.replace('derived', 'originals')}?{query}",
        f"{path}2?{query}",
        f"/objects/derived/../originals/u?{query}",
        f"/objects/derived/%2e%2e/originals/u?{query}",
        f"{url}&size=4",
        f"{url}&size=5000",
    ]
    async with client(store) as http:
        for other in others:
            answer = await http.put(other, content=b"abcd")
            assert answer.status_code in (403, 404), other
        for verb in ("GET", "HEAD"):
            assert (await http.request(verb, url)).status_code == 403
        for verb in ("POST", "DELETE", "PATCH"):
            assert (await http.request(verb, url, content=b"abcd")).status_code == 405
    assert await store.parts(DERIVED, "u", reference) == ()
    assert await store.get_bytes(Bucket.ORIGINALS, "u") == b"theirs"


async def test_a_part_is_not_taken_after_the_upload_has_ended(store: FileStore) -> None:
    reference, url = await open_upload(store, size=4)
    async with client(store) as http:
        assert (await http.put(url, content=b"abcd")).status_code == 200
        parts = await store.parts(DERIVED, "u", reference)
        await store.complete_upload(DERIVED, "u", reference, parts)
        late = await http.put(url, content=b"late")
    assert (late.status_code, late.json()["code"]) == (410, "gone")
    assert await store.get_bytes(DERIVED, "u") == b"abcd"
