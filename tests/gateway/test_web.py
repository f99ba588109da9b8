"""The built web client: what is a page, what is an asset, and what the page may load."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gateway.web import OWN_PATHS, WebClient, page_policy
from kit.objects.files import FileStore
from kit.objects.minio import MinioStore, S3Address
from kit.objects.signing import Signer
from tests.gateway.gateway_harness import open_gateway

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = b"console.log('a script of some length, as scripts are')" * 40
POLICY = "default-src 'none'"
REFERENCE_POLICY = "default-src 'self'"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A built client."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><div id=root></div>")
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / ".hidden").write_text("hidden")
    script = folder / "assets" / "main-1a2b3c4d.js"
    script.write_bytes(SCRIPT)
    script.with_name(f"{script.name}.gz").write_bytes(gzip.compress(SCRIPT))
    script.with_name(f"{script.name}.br").write_bytes(b"brotli")
    (folder / "assets" / "decoder-1a2b3c4d.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.js").write_text("secret")
    (folder / "assets" / "link.js").symlink_to(tmp_path / "secret.js")
    return folder


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    """The application behind the client: it answers 204."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    client_app = WebClient(inner, dist, policy=POLICY, reference_policy=REFERENCE_POLICY)
    transport = httpx.ASGITransport(client_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/crate", "/tracks/0197f3a2?at=12", "/v1x", "/docsify"])
async def test_a_navigation_gets_the_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert "id=root" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == POLICY
    head = await client.head(path, headers=BROWSER)
    assert (head.status_code, head.content) == (200, b"")
    tag = {"If-None-Match": answer.headers["etag"]}
    again = await client.get(path, headers=BROWSER | tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize("path", OWN_PATHS)
async def test_the_servers_own_paths_are_never_a_page(client: httpx.AsyncClient, path: str) -> None:
    for full in (path, f"{path}/x"):
        assert (await client.get(full, headers=BROWSER)).status_code == 204


async def test_the_page_of_the_api_has_a_policy_of_its_own(
    client: httpx.AsyncClient, dist: Path
) -> None:
    (dist / "api-reference.html").write_text("<!doctype html><div id=reference></div>")
    for headers in (BROWSER, {}):
        answer = await client.get("/docs", headers=headers)
        assert "id=reference" in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"] == REFERENCE_POLICY
    tag = {"If-None-Match": answer.headers["etag"]}
    again = await client.get("/docs", headers=BROWSER | tag)
    assert again.status_code == 304
    assert again.headers["content-security-policy"] == REFERENCE_POLICY
    assert (await client.get("/docs/x", headers=BROWSER)).status_code == 204
    assert (await client.post("/docs", headers=BROWSER)).status_code == 204


async def test_programs_and_other_methods_get_no_page(client: httpx.AsyncClient) -> None:
    for path in ("/", "/crate"):
        assert (await client.get(path)).status_code == 204
        assert (await client.get(path, headers={"Accept": "application/json"})).status_code == 204
        assert (await client.post(path, headers=BROWSER)).status_code == 204


async def test_an_asset_is_kept_for_a_year(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/main-1a2b3c4d.js", headers={"Accept-Encoding": "identity"})
    assert answer.content == SCRIPT
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    # A worker may then fetch what its page may.
    assert answer.headers["content-security-policy"] == POLICY
    wasm = await client.get("/assets/decoder-1a2b3c4d.wasm")
    assert wasm.headers["content-type"] == "application/wasm"
    icon = await client.get("/icon.svg")
    assert (icon.headers["content-type"], icon.headers["cache-control"]) == (
        "image/svg+xml",
        "no-cache",
    )


async def test_a_compressed_asset_is_sent_to_who_accepts_it(client: httpx.AsyncClient) -> None:
    async def raw(accepted: str) -> tuple[str, bytes, str]:
        head = {"Accept-Encoding": accepted}
        async with client.stream("GET", "/assets/main-1a2b3c4d.js", headers=head) as answer:
            body = b"".join([part async for part in answer.aiter_raw()])
        return answer.headers.get("content-encoding", ""), body, answer.headers["etag"]

    encoding, body, brotli_tag = await raw("gzip, deflate, br, zstd")
    assert (encoding, body) == ("br", b"brotli")
    encoding, body, gzip_tag = await raw("gzip;q=1.0, *;q=0.5")
    assert (encoding, gzip.decompress(body)) == ("gzip", SCRIPT)
    assert brotli_tag != gzip_tag


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none-00000000.js",
        "/assets/",
        "/assets/../../secret.js",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/..%2f..%2fsecret.js",
        "/assets//etc/passwd",
        "/assets/link.js",
        "/assets/main-1a2b3c4d.js.gz",
        f"/assets/{'x' * 300}.js",
    ],
)
async def test_nothing_but_the_build_is_an_asset(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(httpx.URL(path), headers=BROWSER)
    assert "secret" not in answer.text
    assert "root:" not in answer.text
    if path.startswith("/assets/") and ".." not in path:
        # A page in place of a script would only hide that the page is older than the server.
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_hidden_files_are_not_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/.hidden")).status_code == 204


async def test_the_page_of_the_gateway_may_load_only_what_is_its_own(
    dist: Path, tmp_path: Path
) -> None:
    async with open_gateway(tmp_path, settings={"web": dist}) as harness:
        answer = await harness.client.get("/crate", headers=BROWSER)
        policy = answer.headers["content-security-policy"]
        assert "unsafe-inline" not in policy
        assert "'unsafe-eval'" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "connect-src 'self';" in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert (await harness.client.get("/")).status_code == 404
        plain = await harness.client.get("/docs", headers=BROWSER)
        assert "make web" in plain.text
        assert "script" not in plain.headers["content-security-policy"]
        (dist / "api-reference.html").write_text("<!doctype html><div id=reference></div>")
        reference = await harness.client.get("/docs", headers=BROWSER)
        assert "id=reference" in reference.text
        assert reference.headers["content-security-policy"] == policy.replace(
            "style-src 'self'", "style-src 'self' 'unsafe-inline'"
        )
        assert (await harness.client.get("/v1/nothing", headers=BROWSER)).status_code == 401


def test_a_store_with_an_address_of_its_own_is_in_the_policy(tmp_path: Path) -> None:
    address = S3Address.parse("s3+http://key:secret@objects:9000")
    store = MinioStore(address, public_url="https://files.example.org")
    try:
        policy = page_policy(store)
    finally:
        asyncio.run(store.close())
    for kind in ("connect-src", "media-src", "img-src"):
        assert f"{kind} 'self' https://files.example.org" in policy
    assert "objects" not in policy
    assert "http" not in page_policy(FileStore(tmp_path, signer=Signer("secret" * 8)))


async def test_without_a_build_a_page_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    async with open_gateway(tmp_path, settings={"web": folder}) as harness:
        answer = await harness.client.get("/", headers=BROWSER)
        assert answer.status_code == 404
        assert "make web" in answer.text
        assert "<script" not in answer.text
        for path in ("/crate", "/assets/main.js"):
            answer = await harness.client.get(path, headers=BROWSER)
            assert answer.json()["code"] == "not_found"
        # A build that appears while the server runs is served at once.
        folder.mkdir()
        (folder / "index.html").write_text("<div id=root></div>")
        assert (await harness.client.get("/", headers=BROWSER)).status_code == 200
