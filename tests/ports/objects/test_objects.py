"""What every object store promises."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from contracts.objects import Bucket
from kit.objects.base import ObjectCorrupt, ObjectError, ObjectMissing, PartFacts, UploadMissing
from tests.ports.objects.conftest import World
from tests.support.patience import HANGS

DERIVED = Bucket.DERIVED
MINUTE = timedelta(minutes=1)


async def put(world: World, name: str, data: bytes = b"x") -> str:
    key = world.key(name)
    await world.store.put_bytes(DERIVED, key, data, media_type="audio/flac")
    return key


async def test_is_ready_and_ensuring_again_harms_nothing(world: World) -> None:
    key = await put(world, "a")
    await world.store.ensure()
    assert await world.store.ready()
    assert await world.store.get_bytes(DERIVED, key) == b"x"


@pytest.mark.parametrize("size", [0, 1, 100_000, 12_000_000])
async def test_a_file_comes_back_as_it_was(world: World, size: int) -> None:
    data = os.urandom(size)
    key, back = world.key("f.flac"), world.folder / "back"
    await world.store.put_file(DERIVED, key, world.file(data), media_type="audio/flac")
    await world.store.get_file(DERIVED, key, back, sha256=hashlib.sha256(data).hexdigest())
    assert back.read_bytes() == data
    assert await world.store.digest(DERIVED, key) == hashlib.sha256(data).hexdigest()


async def test_bytes_that_differ_from_the_digest_are_refused_and_not_left_behind(
    world: World,
) -> None:
    key, back = await put(world, "a", b"other"), world.folder / "back"
    with pytest.raises(ObjectCorrupt, match="SHA-256"):
        await world.store.get_file(DERIVED, key, back, sha256="0" * 64)
    assert not back.exists()


async def test_what_is_not_there_is_missing(world: World) -> None:
    key = world.key("none")
    assert await world.store.head(DERIVED, key) is None
    with pytest.raises(ObjectMissing):
        await world.store.get_bytes(DERIVED, key)
    with pytest.raises(ObjectMissing):
        await world.store.get_file(DERIVED, key, world.folder / "back", sha256="0" * 64)
    with pytest.raises(ObjectMissing):
        await world.store.digest(DERIVED, key)
    assert not (world.folder / "back").exists()


async def test_head_tells_size_time_and_a_tag_that_changes_with_the_bytes(world: World) -> None:
    key = await put(world, "a", b"first")
    first = await world.store.head(DERIVED, key)
    await put(world, "a", b"other")
    other = await world.store.head(DERIVED, key)
    assert first is not None
    assert other is not None
    assert (first.key, first.size) == (key, 5)
    assert first.etag != other.etag
    assert abs(first.modified - datetime.now(UTC)) < timedelta(minutes=5)
    assert first.media_type in ("audio/flac", "")


async def test_a_small_object_over_the_limit_is_refused(world: World) -> None:
    key = await put(world, "a", b"12345")
    assert await world.store.get_bytes(DERIVED, key, limit=5) == b"12345"
    with pytest.raises(ObjectError, match="larger than 4"):
        await world.store.get_bytes(DERIVED, key, limit=4)


async def test_buckets_are_apart(world: World) -> None:
    key = await put(world, "a")
    assert await world.store.head(Bucket.ORIGINALS, key) is None


async def test_readers_see_the_old_or_the_new_object_never_a_part(world: World) -> None:
    versions = [bytes([number]) * 200_000 for number in range(8)]
    key = await put(world, "a", versions[0])
    writing = asyncio.create_task(rewrite(world, key, versions))
    while not writing.done():
        assert await world.store.get_bytes(DERIVED, key) in versions
    await writing


async def rewrite(world: World, key: str, versions: list[bytes]) -> None:
    for data in versions:
        await world.store.put_file(DERIVED, key, world.file(data), media_type="audio/flac")


async def test_walk_yields_what_is_under_a_prefix_in_key_order(world: World) -> None:
    names = ["j/1/b.flac", "j/1/a.flac", "j/1-x", "j/10/z", "j/1.json", "j/2/deep/er", "k"]
    for name in names:
        await put(world, name)

    async def under(prefix: str) -> list[str]:
        found = world.store.walk(DERIVED, world.key(prefix))
        return [one.key.removeprefix(world.prefix) async for one in found]

    assert await under("") == sorted(names)
    assert await under("j/1/") == ["j/1/a.flac", "j/1/b.flac"]
    assert await under("j/1") == ["j/1-x", "j/1.json", "j/1/a.flac", "j/1/b.flac", "j/10/z"]
    assert await under("none/") == []


async def test_deleting_is_quiet_about_what_is_not_there(world: World) -> None:
    keys = [await put(world, "d/a"), await put(world, "d/b"), world.key("d/none"), world.key("d")]
    kept = await put(world, "e")
    await world.store.delete(DERIVED, keys)
    await world.store.delete(DERIVED, [])
    assert [one.key async for one in world.store.walk(DERIVED, world.prefix)] == [kept]


async def test_deleting_a_prefix_takes_uploads_too(world: World) -> None:
    for name in ("p/a", "p/b/c", "q"):
        await put(world, name)
    reference = await world.store.start_upload(
        DERIVED, world.key("p/upload"), media_type="audio/flac"
    )
    # Some stores list uploads of one whole key only; what they hide they expire themselves.
    count = await world.store.delete_prefix(DERIVED, world.key("p/"))
    left = [one.key async for one in world.store.walk(DERIVED, world.prefix)]
    assert left == [world.key("q")]
    assert count >= 2
    await world.store.abort_upload(DERIVED, world.key("p/upload"), reference)
    assert await world.store.delete_prefix(DERIVED, world.key("p/")) == 0


async def test_writing_where_a_prefix_is_being_deleted(world: World) -> None:
    for number in range(20):
        await asyncio.gather(
            put(world, f"r/{number}/a"), world.store.delete_prefix(DERIVED, world.key("r/"))
        )
    key = await put(world, "r/last")
    assert await world.store.get_bytes(DERIVED, key) == b"x"


async def upload(world: World, name: str, pieces: list[bytes]) -> tuple[str, str]:
    """Send a file in parts, the last one first; return key and reference."""
    key = world.key(name)
    reference = await world.store.start_upload(DERIVED, key, media_type="audio/flac")
    for number, piece in reversed(list(enumerate(pieces, 1))):
        url = world.store.sign_part(
            DERIVED, key, reference, number=number, size=len(piece), lasting=MINUTE
        )
        answer = await world.http.put(url, content=piece)
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"].strip('"') == hashlib.md5(piece).hexdigest()
    return key, reference


async def test_an_upload_in_parts(world: World) -> None:
    pieces = [os.urandom(world.store.part_size), os.urandom(world.store.part_size), b"the end"]
    key, reference = await upload(world, "u", pieces)
    parts = await world.store.parts(DERIVED, key, reference)
    assert [(one.number, one.size) for one in parts] == [
        (number, len(piece)) for number, piece in enumerate(pieces, 1)
    ]
    assert await world.store.head(DERIVED, key) is None
    facts = await world.store.complete_upload(DERIVED, key, reference, parts)
    whole = b"".join(pieces)
    assert facts.size == len(whole)
    assert await world.store.digest(DERIVED, key) == hashlib.sha256(whole).hexdigest()
    with pytest.raises(UploadMissing):
        await world.store.parts(DERIVED, key, reference)
    with pytest.raises(UploadMissing):
        await world.store.complete_upload(DERIVED, key, reference, parts)


async def test_a_part_may_be_sent_again(world: World) -> None:
    key, reference = await upload(world, "u", [b"first try"])
    url = world.store.sign_part(DERIVED, key, reference, number=1, size=6, lasting=MINUTE)
    assert (await world.http.put(url, content=b"second")).status_code == 200
    parts = await world.store.parts(DERIVED, key, reference)
    await world.store.complete_upload(DERIVED, key, reference, parts)
    assert await world.store.get_bytes(DERIVED, key) == b"second"


async def test_completing_with_parts_that_did_not_arrive_is_refused(world: World) -> None:
    key, reference = await upload(world, "u", [b"one"])
    (part,) = await world.store.parts(DERIVED, key, reference)
    wrong = PartFacts(1, part.size, "0" * 32)
    for parts in ([], [wrong], [part, PartFacts(2, 3, part.etag)], [part, part]):
        with pytest.raises(ObjectError):
            await world.store.complete_upload(DERIVED, key, reference, parts)
    assert await world.store.head(DERIVED, key) is None
    await world.store.complete_upload(DERIVED, key, reference, [part])


async def test_an_aborted_upload_is_gone(world: World) -> None:
    key, reference = await upload(world, "u", [b"one"])
    await world.store.abort_upload(DERIVED, key, reference)
    await world.store.abort_upload(DERIVED, key, reference)
    with pytest.raises(UploadMissing):
        await world.store.parts(DERIVED, key, reference)
    url = world.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    assert (await world.http.put(url, content=b"two")).status_code in (404, 410)


async def test_uploads_under_way_are_found_by_key(world: World) -> None:
    key, reference = await upload(world, "u", [b"one"])
    found = [one async for one in world.store.uploads(DERIVED, key)]
    assert [(one.key, one.reference) for one in found] == [(key, reference)]
    assert abs(found[0].started - datetime.now(UTC)) < timedelta(minutes=5)
    await world.store.abort_upload(DERIVED, key, reference)
    assert [one async for one in world.store.uploads(DERIVED, key)] == []


async def test_an_unknown_upload_is_missing(world: World) -> None:
    with pytest.raises(UploadMissing):
        await world.store.parts(DERIVED, world.key("u"), "0" * 36)


async def test_an_upload_belongs_to_its_key(world: World) -> None:
    key, reference = await upload(world, "u", [b"one"])
    with pytest.raises(UploadMissing):
        await world.store.parts(DERIVED, world.key("other"), reference)
    await world.store.abort_upload(DERIVED, world.key("other"), reference)
    assert len(await world.store.parts(DERIVED, key, reference)) == 1


def sign_get(world: World, key: str, *, filename: str = "Höhen & Tiefen.flac") -> str:
    return world.store.sign_get(
        DERIVED, key, filename=filename, media_type="audio/flac", lasting=MINUTE
    )


async def test_a_signed_url_gives_the_object_as_an_attachment(world: World) -> None:
    key = await put(world, "a.flac", b"0123456789")
    answer = await world.http.get(sign_get(world, key))
    assert answer.status_code == 200
    assert answer.content == b"0123456789"
    assert answer.headers["content-type"] == "audio/flac"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert "filename*=UTF-8''H%C3%B6hen%20%26%20Tiefen.flac" in disposition


@pytest.mark.parametrize(
    ("wanted", "content", "shown"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=4-100", b"456789", "bytes 4-9/10"),
    ],
)
async def test_a_range(world: World, wanted: str, content: bytes, shown: str) -> None:
    key = await put(world, "a.flac", b"0123456789")
    answer = await world.http.get(sign_get(world, key), headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (206, content)
    assert answer.headers["content-range"] == shown


async def test_a_range_beyond_the_end_cannot_be_satisfied(world: World) -> None:
    key = await put(world, "a.flac", b"0123456789")
    answer = await world.http.get(sign_get(world, key), headers={"Range": "bytes=10-"})
    assert answer.status_code == 416


async def test_what_the_client_has_is_not_sent_again(world: World) -> None:
    key = await put(world, "a.flac", b"0123456789")
    url = sign_get(world, key)
    etag = (await world.http.get(url)).headers["etag"]
    again = await world.http.get(url, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    await put(world, "a.flac", b"other")
    assert (await world.http.get(url, headers={"If-None-Match": etag})).content == b"other"


async def test_a_signed_url_of_nothing_is_not_found(world: World) -> None:
    assert (await world.http.get(sign_get(world, world.key("none")))).status_code == 404


async def test_a_signature_is_for_one_key_and_one_verb(world: World) -> None:
    key = await put(world, "a.flac", b"mine")
    await put(world, "b.flac", b"theirs")
    url = sign_get(world, key)
    assert (await world.http.get(url.replace("a.flac", "b.flac"))).status_code == 403
    assert (await world.http.put(url, content=b"changed")).status_code == 403
    assert (await world.http.get(url.partition("?")[0])).status_code == 403
    assert await world.store.get_bytes(DERIVED, key) == b"mine"


async def test_a_signature_ends(world: World) -> None:
    key = await put(world, "a.flac", b"mine")
    url = world.store.sign_get(
        DERIVED, key, filename="a", media_type="audio/flac", lasting=timedelta(seconds=1)
    )
    async with asyncio.timeout(HANGS):
        while (answer := await world.http.get(url)).status_code == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert answer.status_code == 403


async def test_a_part_takes_only_its_own_number(world: World) -> None:
    key = world.key("u")
    reference = await world.store.start_upload(DERIVED, key, media_type="audio/flac")
    url = world.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    other = url.replace("number=1", "number=2").replace("partNumber=1", "partNumber=2")
    assert other != url
    assert (await world.http.put(other, content=b"abc")).status_code == 403
    assert await world.store.parts(DERIVED, key, reference) == ()


async def test_a_part_takes_only_its_own_size(world: World) -> None:
    key = world.key("u")
    reference = await world.store.start_upload(DERIVED, key, media_type="audio/flac")
    size = 100_000
    url = world.store.sign_part(DERIVED, key, reference, number=1, size=size, lasting=MINUTE)
    for wrong in (0, size - 1, size + 1, 4 * size):
        answer = await world.http.put(url, content=bytes(wrong))
        assert answer.status_code in (403, 413, 422), wrong
    assert await world.store.parts(DERIVED, key, reference) == ()
    assert (await world.http.put(url, content=bytes(size))).status_code == 200
    (part,) = await world.store.parts(DERIVED, key, reference)
    assert part.size == size


async def test_a_part_of_unknown_length_is_held_to_its_size(world: World) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield bytes(100_000)

    key = world.key("u")
    reference = await world.store.start_upload(DERIVED, key, media_type="audio/flac")
    url = world.store.sign_part(DERIVED, key, reference, number=1, size=100_000, lasting=MINUTE)
    answer = await world.http.put(url, content=blocks())
    assert 400 <= answer.status_code < 500
    assert await world.store.parts(DERIVED, key, reference) == ()


async def test_a_part_is_not_taken_once_its_upload_is_complete(world: World) -> None:
    key, reference = await upload(world, "u", [b"one"])
    parts = await world.store.parts(DERIVED, key, reference)
    await world.store.complete_upload(DERIVED, key, reference, parts)
    url = world.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    assert (await world.http.put(url, content=b"two")).status_code in (404, 410)
    assert await world.store.get_bytes(DERIVED, key) == b"one"


async def test_a_signed_part_is_for_one_key_and_one_verb(world: World) -> None:
    key, other = world.key("u"), world.key("v")
    reference = await world.store.start_upload(DERIVED, key, media_type="audio/flac")
    await world.store.start_upload(DERIVED, other, media_type="audio/flac")
    url = world.store.sign_part(DERIVED, key, reference, number=1, size=3, lasting=MINUTE)
    assert (await world.http.put(url.replace(key, other), content=b"abc")).status_code == 403
    assert (await world.http.get(url)).status_code == 403
    assert (await world.http.delete(url)).status_code in (403, 405)
    assert await world.store.parts(DERIVED, key, reference) == ()


async def test_a_closed_store_says_so(world: World) -> None:
    await world.store.close()
    with pytest.raises(ObjectError):
        await world.store.get_bytes(DERIVED, world.key("a"))
