"""What only the folder store does: safe paths, exact parts, many ranges, leftovers."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from contracts.objects import Bucket
from kit.objects.base import ObjectError, UploadMissing
from kit.objects.disposition import attachment, safe_filename
from kit.objects.factory import open_objects
from kit.objects.files import FileStore
from kit.objects.minio import MinioStore, S3Address
from kit.objects.serving import SignedUrlApp
from kit.objects.signing import BadSignature, Signer, presigned
from kit.settings import KitSettings
from tests.support.clock import ManualClock

SECRET = "a secret for tests, long enough by far"
MINUTE = timedelta(minutes=1)
DERIVED = Bucket.DERIVED


@pytest.fixture
async def store(tmp_path: Path) -> FileStore:
    opened = FileStore(tmp_path, signer=Signer(SECRET))
    await opened.ensure()
    return opened


def client(store: FileStore) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=store.application())
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "a/../../b", "..", "a//b", "a/./b", "a/", "a\0b"]
)
async def test_no_key_leads_out_of_the_folder(store: FileStore, key: str) -> None:
    with pytest.raises(ObjectError, match="is not a valid key"):
        await store.put_bytes(DERIVED, key, b"x", media_type="text/plain")
    with pytest.raises(ObjectError, match="is not a valid key"):
        store.sign_get(DERIVED, key, filename="a", media_type="a/b", lasting=MINUTE)


@pytest.mark.parametrize("reference", ["../../objects", "..", "", "x" * 36])
async def test_no_reference_leads_out_of_the_folder(store: FileStore, reference: str) -> None:
    with pytest.raises(UploadMissing):
        await store.parts(DERIVED, "u", reference)


async def test_a_part_of_another_size_is_refused(store: FileStore) -> None:
    reference = await store.start_upload(DERIVED, "u", media_type="audio/flac")
    url = store.sign_part(DERIVED, "u", reference, number=1, size=4, lasting=MINUTE)
    async with client(store) as http:
        assert (await http.put(url, content=b"abc")).status_code == 422
        assert (await http.put(url, content=b"abcde")).status_code == 413
        assert await store.parts(DERIVED, "u", reference) == ()
        assert (await http.put(url, content=b"abcd")).status_code == 200
    assert list((store.root / "derived" / "drafts").iterdir()) == []


async def test_a_stalled_part_upload_times_out(store: FileStore) -> None:
    async def halting() -> AsyncIterator[bytes]:
        yield b"ab"
        await asyncio.sleep(5)
        yield b"cd"

    reference = await store.start_upload(DERIVED, "u", media_type="audio/flac")
    url = store.sign_part(DERIVED, "u", reference, number=1, size=4, lasting=MINUTE)
    transport = httpx.ASGITransport(SignedUrlApp(store, block_within=0.1))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        answer = await http.put(url, content=halting())
        assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")
        assert (await http.put(url, content=b"abcd")).status_code == 200
    assert list((store.root / "derived" / "drafts").iterdir()) == []


async def test_several_ranges_come_in_one_answer_but_not_any_number(store: FileStore) -> None:
    await store.put_bytes(DERIVED, "a", bytes(range(100)), media_type="audio/flac")
    url = store.sign_get(DERIVED, "a", filename="a", media_type="audio/flac", lasting=MINUTE)
    async with client(store) as http:
        two = await http.get(url, headers={"Range": "bytes=0-1,50-51"})
        assert two.status_code == 206
        assert two.headers["content-type"].startswith("multipart/byteranges")
        assert two.content.count(b"Content-Range: bytes ") == 2
        many = ",".join(f"{start}-{start}" for start in range(0, 18, 2))
        assert (await http.get(url, headers={"Range": f"bytes={many}"})).status_code == 200


@pytest.mark.parametrize(
    "range_header",
    [
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=x",
        "bytes=0",
        "bytes=5-2",
        "bytes=0-1,x",
        "bytes=0-1,5-2",
        "bytes=0x1-2",
        "bytes=1.5-2",
        "bytes=+1-2",
        "bytes=1_0-20",
        "bytes=--5",
        "bytes 0-1",
        "items=0-1",
        "seconds=1-2",
        "=0-1",
        "",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "bytes=" + "9" * 6000,
    ],
)
async def test_a_range_that_is_not_understood_is_ignored(
    store: FileStore, range_header: str
) -> None:
    whole = bytes(range(100))
    await store.put_bytes(DERIVED, "a", whole, media_type="audio/flac")
    url = store.sign_get(DERIVED, "a", filename="a", media_type="audio/flac", lasting=MINUTE)
    async with client(store) as http:
        answer = await http.get(url, headers={"Range": range_header.encode()})  # type: ignore[dict-item]
    assert (answer.status_code, answer.content) == (200, whole)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    ("range_header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("BYTES=10-19", 10, 19),
        ("bytes= 10-19", 10, 19),
        ("bytes=,10-19,", 10, 19),
        ("bytes=90-", 90, 99),
        ("bytes=90-200", 90, 99),
        ("bytes=-5", 95, 99),
        ("bytes=-500", 0, 99),
        ("bytes=0-" + "9" * 5000, 0, 99),
        ("bytes=" + "0" * 5000 + "-4", 0, 4),
        ("bytes=10-19,200-300", 10, 19),
        ("bytes=-0,10-19", 10, 19),
        ("bytes=10-14,13-19", 10, 19),
    ],
)
async def test_a_range_beyond_the_end_is_shortened(
    store: FileStore, range_header: str, first: int, last: int
) -> None:
    whole = bytes(range(100))
    await store.put_bytes(DERIVED, "a", whole, media_type="audio/flac")
    url = store.sign_get(DERIVED, "a", filename="a", media_type="audio/flac", lasting=MINUTE)
    async with client(store) as http:
        answer = await http.get(url, headers={"Range": range_header})
        assert (answer.status_code, answer.content) == (206, whole[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{last}/100"
        head = await http.head(url, headers={"Range": range_header})
        assert (head.status_code, head.headers["content-length"]) == (200, "100")


@pytest.mark.parametrize("range_header", ["bytes=100-", "bytes=100-200,300-", "bytes=-0"])
async def test_an_unsatisfiable_range_gets_the_size(store: FileStore, range_header: str) -> None:
    await store.put_bytes(DERIVED, "a", bytes(range(100)), media_type="audio/flac")
    await store.put_bytes(DERIVED, "none", b"", media_type="audio/flac")
    for name, size in (("a", 100), ("none", 0)):
        url = store.sign_get(DERIVED, name, filename="a", media_type="audio/flac", lasting=MINUTE)
        async with client(store) as http:
            answer = await http.get(url, headers={"Range": range_header})
            assert answer.status_code == 416
            assert answer.headers["content-range"] == f"bytes */{size}"
            assert answer.headers["content-type"] == "application/problem+json"
            # What was asked of another version of it is answered with the whole of this one.
            other = {"Range": range_header, "If-Range": '"another"'}
            assert (await http.get(url, headers=other)).status_code == 200


async def test_nothing_that_was_uploaded_runs_as_a_page(store: FileStore) -> None:
    await store.put_bytes(DERIVED, "a", b"<script>", media_type="text/html")
    url = store.sign_get(DERIVED, "a", filename="a.html", media_type="text/html", lasting=MINUTE)
    async with client(store) as http:
        headers = (await http.head(url)).headers
    assert headers["content-disposition"] == 'attachment; filename="a.html"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox")


async def test_refusals_are_problems_that_say_what_to_do(store: FileStore) -> None:
    async with client(store) as http:
        answer = await http.get("/objects/derived/a?expires=99999999999&signature=00")
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert "signature of this URL is not valid" in answer.json()["detail"]
        assert (await http.post("/objects/derived/a")).status_code == 405


async def test_drafts_of_a_killed_process_are_dropped_after_a_day(store: FileStore) -> None:
    old, new = store.draft(DERIVED), store.draft(DERIVED)
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    await store.ensure()
    assert not old.exists()
    assert new.exists()


def test_a_signature_ends_and_covers_everything() -> None:
    clock = ManualClock()
    signer = Signer(SECRET, clock=clock)
    url = signer.sign("GET", "/objects/a b", claims={"x": "1"}, lasting=MINUTE)
    query = dict(httpx.QueryParams(url.partition("?")[2]))
    assert signer.check("GET", "/objects/a b", query)["x"] == "1"
    wrong = [
        ("PUT", "/objects/a b", query),
        ("GET", "/objects/ab", query),
        ("GET", "/objects/a b", query | {"x": "2"}),
        ("GET", "/objects/a b", query | {"y": "1"}),
        ("GET", "/objects/a b", query | {"expires": str(int(query["expires"]) + 1)}),
        ("GET", "/objects/a b", {}),
    ]
    for method, path, changed in wrong:
        with pytest.raises(BadSignature, match="is not valid"):
            signer.check(method, path, changed)
    with pytest.raises(BadSignature, match="is not valid"):
        Signer(SECRET + "!", clock=clock).check("GET", "/objects/a b", query)
    clock.advance(61)
    with pytest.raises(BadSignature, match="has expired"):
        signer.check("GET", "/objects/a b", query)


def test_a_short_secret_and_an_endless_url_are_refused() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Signer("short")
    with pytest.raises(ValueError, match="at most"):
        Signer(SECRET).sign("GET", "/a", claims={}, lasting=timedelta(days=2))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("song.flac", "song.flac"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("e\u0301t\u00e9.wav", "\u00e9t\u00e9.wav"),
        ('a"b\\c.wav', "a_b_c.wav"),
        ("a\r\nSet-Cookie: x.wav", "aSet-Cookie: x.wav"),
        ("\u202egnp.wav", "gnp.wav"),
        ("...", "file"),
        ("", "file"),
        ("\u97f3" * 200 + ".flac", "\u97f3" * 83 + ".flac"),
    ],
)
def test_file_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_filename(name) == safe
    assert len(safe_filename(name).encode()) <= 255
    assert attachment(name).isascii()


def test_a_name_beyond_ascii_is_given_twice() -> None:
    assert attachment("été.wav") == (
        "attachment; filename=\"_t_.wav\"; filename*=UTF-8''%C3%A9t%C3%A9.wav"
    )


def settings(url: str, *, secret: str = "") -> KitSettings:
    return KitSettings.model_validate({"objects_url": url, "objects_signing_secret": secret})


def test_a_store_from_its_address(tmp_path: Path) -> None:
    assert isinstance(open_objects(settings(f"file://{tmp_path}", secret=SECRET)), FileStore)
    assert isinstance(open_objects(settings("s3+http://key:secret@127.0.0.1:9000")), MinioStore)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must be"),
        ("ftp://key:hidden@x", "must be"),
        ("file://relative", "absolute"),
        ("file:///tmp", "KIT_OBJECTS_SIGNING_SECRET"),
        ("s3+https://host", "lacks the access key"),
        ("s3+https:///", "must be s3"),
    ],
)
def test_a_wrong_address_says_what_is_right_and_shows_no_secret(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        open_objects(settings(url))
    assert "hidden" not in str(raised.value)


def test_an_s3_address_is_read() -> None:
    url = "s3+https://k%2Fey:se%40cret@s3.example:9000?region=eu-west-1"
    address = S3Address.parse(url)
    assert address.url() == url
    assert address == S3Address("s3.example:9000", True, "k/ey", "se@cret", "eu-west-1")


def test_signed_urls_name_the_public_address() -> None:
    address = S3Address.parse("s3+http://key:secret@10.0.0.1:9000")
    store = MinioStore(address, public_url="https://objects.example")
    url = store.sign_get(DERIVED, "a", filename="a", media_type="audio/flac", lasting=MINUTE)
    assert url.startswith("https://objects.example/derived/a?")
    with pytest.raises(ValueError, match="without a path"):
        MinioStore(address, public_url="https://objects.example/path")


async def test_a_store_without_room_is_not_ready(tmp_path: Path) -> None:
    reserves = {0: True, 1 << 60: False}
    for reserve, ready in reserves.items():
        store = FileStore(tmp_path, signer=Signer(SECRET), reserve=reserve)
        await store.ensure()
        assert await store.ready() is ready
        space = await store.disk_space()
        assert space is not None
        assert 0 < space.free <= space.capacity
        await store.close()
    assert KitSettings().objects_reserve_mib > 0


def test_a_presigned_url_is_signed_as_the_makers_of_the_protocol_show_it() -> None:
    # The worked example of "Authenticating Requests: Using Query Parameters" in the S3 manual.
    url = presigned(
        "GET",
        urlsplit("https://examplebucket.s3.amazonaws.com/test.txt"),
        access_key="".join(("AKIA", "IOSFODNN7EXAMPLE")),  # In two: it looks like a real key.
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
        headers={},
        at=datetime(2013, 5, 24, tzinfo=UTC),
        lasting=timedelta(days=1),
    )
    shown = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert url.endswith(f"&X-Amz-SignedHeaders=host&X-Amz-Signature={shown}")


def test_the_length_of_a_part_is_signed() -> None:
    address = S3Address.parse("s3+http://key:secret@10.0.0.1:9000")
    store = MinioStore(address, public_url="https://objects.example")
    url = store.sign_part(DERIVED, "a b/ü", "ref", number=1, size=4, lasting=MINUTE)
    assert url.startswith("https://objects.example/derived/a%20b/%C3%BC?")
    assert httpx.URL(url).params["X-Amz-SignedHeaders"] == "content-length;host"
