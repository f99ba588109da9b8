"""What every object store promises."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from contracts.objects import Bucket
from kit.objects.base import ObjectCorrupt, ObjectError, ObjectMissing, PartFacts, UploadMissing
from tests.ports.objects.conftest import StoreHarness
from tests.support.timeouts import HANG_TIMEOUT

DERIVED = Bucket.DERIVED
MINUTE = timedelta(minutes=1)


async def put(harness: StoreHarness, name: str, data: bytes = b"x") -> str:
    key = harness.key(name)
    await harness.store.put_bytes(DERIVED, key, data, media_type="audio/flac")
    return key


async def test_is_ready_and_ensuring_again_harms_nothing(harness: StoreHarness) -> None:
    key = await put(harness, "a")
    await harness.store.ensure()
    assert await harness.store.ready()
    assert await harness.store.get_bytes(DERIVED, key) == b"x"


@pytest.mark.parametrize("size", [0, 1, 100_000, 12_000_000])
async def test_a_file_comes_back_as_it_was(harness: StoreHarness, size: int) -> None:
    data = os.urandom(size)
    key, back = harness.key("f.flac"), harness.folder / "back"
    await harness.store.put_file(DERIVED, key, harness.file(data), media_type="audio/flac")
    await harness.store.get_file(DERIVED, key, back, sha256=hashlib.sha256(data).hexdigest())
    assert back.read_bytes() == data
    assert await harness.store.digest(DERIVED, key) == hashlib.sha256(data).hexdigest()


async def test_bytes_that_differ_from_the_digest_are_refused_and_not_left_behind(
    harness: StoreHarness,
) -> None:
    key, back = await put(harness, "a", b"other"), harness.folder / "back"
    with pytest.raises(ObjectCorrupt, match="SHA-256"):
        await harness.store.get_file(DERIVED, key, back, sha256="0" * 64)
    assert not back.exists()


async def test_what_is_not_there_is_missing(harness: StoreHarness) -> None:
    key = harness.key("none")
    assert await harness.store.head(DERIVED, key) is None
    with pytest.raises(ObjectMissing):
        await harness.store.get_bytes(DERIVED, key)
    with pytest.raises(ObjectMissing):
        await harness.store.get_file(DERIVED, key, harness.folder / "back", sha256="0" * 64)
    with pytest.raises(ObjectMissing):
        await harness.store.digest(DERIVED, key)
    assert not (harness.folder / "back").exists()


async def test_head_tells_size_time_and_a_tag_that_changes_with_the_bytes(
    harness: StoreHarness,
) -> None:
    key = await put(harness, "a", b"first")
    first = await harness.store.head(DERIVED, key)
    await put(harness, "a", b"other")
    other = await harness.store.head(DERIVED, key)
    assert first is not None
    assert other is not None
    assert (first.key, first.size) == (key, 5)
    assert first.etag != other.etag
    assert abs(first.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert first.media_type in ("audio/flac", "")


async def test_a_small_object_over_the_limit_is_refused(harness: StoreHarness) -> None:
    key = await put(harness, "a", b"12345")
    assert await harness.store.get_bytes(DERIVED, key, limit=5) == b"12345"
    with pytest.raises(ObjectError, match="larger than 4"):
        await harness.store.get_bytes(DERIVED, key, limit=4)


async def test_buckets_are_apart(harness: StoreHarness) -> None:
    key = await put(harness, "a")
    assert await harness.store.head(Bucket.ORIGINALS, key) is None


async def test_readers_see_the_old_or_the_new_object_never_a_part(harness: StoreHarness) -> None:
    versions = [bytes([number]) * 200_000 for number in range(8)]
    key = await put(harness, "a", versions[0])
    writing = asyncio.create_task(rewrite(harness, key, versions))
    while not writing.done():
        assert await harness.store.get_bytes(DERIVED, key) in versions
    await writing


async def rewrite(harness: StoreHarness, key: str, versions: list[bytes]) -> None:
    for data in versions:
        await harness.store.put_file(DERIVED, key, harness.file(data), media_type="audio/flac")


async def test_walk_yields_what_is_under_a_prefix_in_key_order(harness: StoreHarness) -> None:
    names = ["j/1/b.flac", "j/1/a.flac", "j/1-x", "j/10/z", "j/1.json", "j/2/deep/er", "k"]
    for name in names:
        await put(harness, name)

    async def under(prefix: str) -> list[str]:
        files = harness.store.walk(DERIVED, harness.key(prefix))
        return [file.key.removeprefix(harness.prefix) async for file in files]

    assert await under("") == sorted(names)
    assert await under("j/1/") == ["j/1/a.flac", "j/1/b.flac"]
    assert await under("j/1") == ["j/1-x", "j/1.json", "j/1/a.flac", "j/1/b.flac", "j/10/z"]
    assert await under("none/") == []


async def test_deleting_is_quiet_about_what_is_not_there(harness: StoreHarness) -> None:
    keys = [
        await put(harness, "d/a"),
        await put(harness, "d/b"),
        harness.key("d/none"),
        harness.key("d"),
    ]
    kept = await put(harness, "e")
    await harness.store.delete(DERIVED, keys)
    await harness.store.delete(DERIVED, [])
    assert [file.key async for file in harness.store.walk(DERIVED, harness.prefix)] == [kept]


async def test_deleting_a_prefix_takes_uploads_too(harness: StoreHarness) -> None:
    for name in ("p/a", "p/b/c", "q"):
        await put(harness, name)
    reference = await harness.store.start_upload(
        DERIVED, harness.key("p/upload"), media_type="audio/flac"
    )
    # Some stores list uploads of one whole key only; what they hide they expire themselves.
    count = await harness.store.delete_prefix(DERIVED, harness.key("p/"))
    left = [file.key async for file in harness.store.walk(DERIVED, harness.prefix)]
    assert left == [harness.key("q")]
    assert count >= 2
    await harness.store.abort_upload(DERIVED, harness.key("p/upload"), reference)
    assert await harness.store.delete_prefix(DERIVED, harness.key("p/")) == 0


async def test_writing_where_a_prefix_is_being_deleted(harness: StoreHarness) -> None:
    for number in range(20):
        await asyncio.gather(
            put(harness, f"r/{number}/a"), harness.store.delete_prefix(DERIVED, harness.key("r/"))
        )
    key = await put(harness, "r/last")
    assert await harness.store.get_bytes(DERIVED, key) == b"x"


async def upload(harness: StoreHarness, name: str, pieces: list[bytes]) -> tuple[str, str]:
    """Send a file in parts, the last one first; return key and reference."""
    key = harness.key(name)
    reference = await harness.store.start_upload(DERIVED, key, media_type="audio/flac")
    for number, piece in reversed(list(enumerate(pieces, 1))):
        url = harness.store.sign_part(
            DERIVED, key, reference, number=number, size=len(piece), lasting=MINUTE
        )
        answer = await harness.http.put(url, content=piece)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"].strip('"') == hashlib.md5(piece).hexdigest()
    return key, reference


async def test_an_upload_in_parts(harness: StoreHarness) -> None:
    pieces = [os.urandom(harness.store.part_size), os.urandom(harness.store.part_size), b"the end"]
    key, reference = await upload(harness, "u", pieces)
    parts = await harness.store.parts(DERIVED, key, reference)
    assert [(part.number, part.size) for part in parts] == [
        (number, len(piece)) for number, piece in enumerate(pieces, 1)
    ]
    assert await harness.store.head(DERIVED, key) is None
    facts = await harness.store.complete_upload(DERIVED, key, reference, parts)
    whole = b"".join(pieces)
    assert facts.size == len(whole)
    assert await harness.store.digest(DERIVED, key) == hashlib.sha256(whole).hexdigest()
    with pytest.raises(UploadMissing):
        await harness.store.parts(DERIVED, key, reference)
    with pytest.raises(UploadMissing):
        await harness.store.complete_upload(DERIVED, key, reference, parts)


async def test_a_part_may_be_sent_again(harness: StoreHarness) -> None:
    key, reference = await upload(harness, "u", [b"first try"])
    url = harness.store.sign_part(DERIVED, key, reference, number=1, size=6, lasting=MINUTE)
    assert (await harness.http.put(url, content=b"second")).status_code == 200
    parts = await harness.store.parts(DERIVED, key, reference)
    await harness.store.complete_upload(DERIVED, key, reference, parts)
    assert await harness.store.get_bytes(DERIVED, key) == b"second"


async def test_completing_with_parts_that_did_not_arrive_is_refused(harness: StoreHarness) -> None:
    key, reference = await upload(harness, "u", [b"one"])
    (part,) = await harness.store.parts(DERIVED, key, reference)
    wrong = PartFacts(1, part.size, "0" * 32)
    for parts in ([], [wrong], [part, PartFacts(2, 3, part.etag)], [part, part]):
        with pytest.raises(ObjectError):
            await harness.store.complete_upload(DERIVED, key, reference, parts)
    assert await harness.store.head(DERIVED, key) is None
    await harness.store.complete_upload(DERIVED, key, reference, [part])


async def test_an_aborted_upload_is_gone(harness: StoreHarness) -> None:
    key, reference = await upload(harness, "u", [b"one"])
    await harness.store.abort_upload(DERIVED, key, reference)
    await harness.store.abort_upload(DERIVED, key, reference)
    with pytest.raises(UploadMissing):
        await harness.store.parts(DERIVED, key, reference)
    url = harness.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    assert (await harness.http.put(url, content=b"two")).status_code in (404, 410)


async def test_uploads_under_way_are_found_by_key(harness: StoreHarness) -> None:
    key, reference = await upload(harness, "u", [b"one"])
    uploads = [pending async for pending in harness.store.uploads(DERIVED, key)]
    assert [(pending.key, pending.reference) for pending in uploads] == [(key, reference)]
    assert abs(uploads[0].started - datetime.now(UTC)) < timedelta(minutes=5)
    await harness.store.abort_upload(DERIVED, key, reference)
    assert [pending async for pending in harness.store.uploads(DERIVED, key)] == []


async def test_an_unknown_upload_is_missing(harness: StoreHarness) -> None:
    with pytest.raises(UploadMissing):
        await harness.store.parts(DERIVED, harness.key("u"), "0" * 36)


async def test_an_upload_belongs_to_its_key(harness: StoreHarness) -> None:
    key, reference = await upload(harness, "u", [b"one"])
    with pytest.raises(UploadMissing):
        await harness.store.parts(DERIVED, harness.key("other"), reference)
    await harness.store.abort_upload(DERIVED, harness.key("other"), reference)
    assert len(await harness.store.parts(DERIVED, key, reference)) == 1


def sign_get(harness: StoreHarness, key: str, *, filename: str = "Höhen & Tiefen.flac") -> str:
    return harness.store.sign_get(
        DERIVED, key, filename=filename, media_type="audio/flac", lasting=MINUTE
    )


async def test_a_signed_url_gives_the_object_as_an_attachment(harness: StoreHarness) -> None:
    key = await put(harness, "a.flac", b"0123456789")
    answer = await harness.http.get(sign_get(harness, key))
    assert answer.status_code == 200
    assert answer.content == b"0123456789"
    assert answer.headers["content-type"] == "audio/flac"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert "filename*=UTF-8''H%C3%B6hen%20%26%20Tiefen.flac" in disposition


@pytest.mark.parametrize(
    ("range_header", "content", "shown"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=4-100", b"456789", "bytes 4-9/10"),
    ],
)
async def test_a_range(
    harness: StoreHarness, range_header: str, content: bytes, shown: str
) -> None:
    key = await put(harness, "a.flac", b"0123456789")
    answer = await harness.http.get(sign_get(harness, key), headers={"Range": range_header})
    assert (answer.status_code, answer.content) == (206, content)
    assert answer.headers["content-range"] == shown


async def test_a_range_beyond_the_end_cannot_be_satisfied(harness: StoreHarness) -> None:
    key = await put(harness, "a.flac", b"0123456789")
    answer = await harness.http.get(sign_get(harness, key), headers={"Range": "bytes=10-"})
    assert answer.status_code == 416


async def test_what_the_client_has_is_not_sent_again(harness: StoreHarness) -> None:
    key = await put(harness, "a.flac", b"0123456789")
    url = sign_get(harness, key)
    etag = (await harness.http.get(url)).headers["etag"]
    again = await harness.http.get(url, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    await put(harness, "a.flac", b"other")
    assert (await harness.http.get(url, headers={"If-None-Match": etag})).content == b"other"


async def test_a_signed_url_of_nothing_is_not_found(harness: StoreHarness) -> None:
    assert (await harness.http.get(sign_get(harness, harness.key("none")))).status_code == 404


async def test_a_signature_is_for_one_key_and_one_verb(harness: StoreHarness) -> None:
    key = await put(harness, "a.flac", b"mine")
    await put(harness, "b.flac", b"theirs")
    url = sign_get(harness, key)
    assert (await harness.http.get(url.replace("a.flac", "b.flac"))).status_code == 403
    assert (await harness.http.put(url, content=b"changed")).status_code == 403
    assert (await harness.http.get(url.partition("?")[0])).status_code == 403
    assert await harness.store.get_bytes(DERIVED, key) == b"mine"


async def test_a_signature_ends(harness: StoreHarness) -> None:
    key = await put(harness, "a.flac", b"mine")
    url = harness.store.sign_get(
        DERIVED, key, filename="a", media_type="audio/flac", lasting=timedelta(seconds=1)
    )
    async with asyncio.timeout(HANG_TIMEOUT):
        while (answer := await harness.http.get(url)).status_code == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert answer.status_code == 403


async def test_a_part_takes_only_its_own_number(harness: StoreHarness) -> None:
    key = harness.key("u")
    reference = await harness.store.start_upload(DERIVED, key, media_type="audio/flac")
    url = harness.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    other = url.replace("number=1", "number=2").replace("partNumber=1", "partNumber=2")
    assert other != url
    assert (await harness.http.put(other, content=b"abc")).status_code == 403
    assert await harness.store.parts(DERIVED, key, reference) == ()


async def test_a_part_takes_only_its_own_size(harness: StoreHarness) -> None:
    key = harness.key("u")
    reference = await harness.store.start_upload(DERIVED, key, media_type="audio/flac")
    size = 100_000
    url = harness.store.sign_part(DERIVED, key, reference, number=1, size=size, lasting=MINUTE)
    for wrong in (0, size - 1, size + 1, 4 * size):
        answer = await harness.http.put(url, content=bytes(wrong))
        assert answer.status_code in (403, 413, 422), wrong
    assert await harness.store.parts(DERIVED, key, reference) == ()
    assert (await harness.http.put(url, content=bytes(size))).status_code == 200
    (part,) = await harness.store.parts(DERIVED, key, reference)
    assert part.size == size


async def test_a_part_of_unknown_length_is_held_to_its_size(harness: StoreHarness) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield bytes(100_000)

    key = harness.key("u")
    reference = await harness.store.start_upload(DERIVED, key, media_type="audio/flac")
    url = harness.store.sign_part(DERIVED, key, reference, number=1, size=100_000, lasting=MINUTE)
    answer = await harness.http.put(url, content=blocks())
    assert 400 <= answer.status_code < 500
    assert await harness.store.parts(DERIVED, key, reference) == ()


async def test_a_part_is_not_taken_once_its_upload_is_complete(harness: StoreHarness) -> None:
    key, reference = await upload(harness, "u", [b"one"])
    parts = await harness.store.parts(DERIVED, key, reference)
    await harness.store.complete_upload(DERIVED, key, reference, parts)
    url = harness.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    assert (await harness.http.put(url, content=b"two")).status_code in (404, 410)
    assert await harness.store.get_bytes(DERIVED, key) == b"one"


async def test_a_signed_part_is_for_one_key_and_one_verb(harness: StoreHarness) -> None:
    key, other = harness.key("u"), harness.key("v")
    reference = await harness.store.start_upload(DERIVED, key, media_type="audio/flac")
    await harness.store.start_upload(DERIVED, other, media_type="audio/flac")
    url = harness.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    assert (await harness.http.put(url.replace(key, other), content=b"abc")).status_code == 403
    assert (await harness.http.get(url)).status_code == 403
    assert (await harness.http.delete(url)).status_code in (403, 405)
    assert await harness.store.parts(DERIVED, key, reference) == ()


async def test_a_closed_store_says_so(harness: StoreHarness) -> None:
    await harness.store.close()
    with pytest.raises(ObjectError):
        await harness.store.get_bytes(DERIVED, harness.key("a"))
