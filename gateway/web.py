"""The built web client: its page, its assets, and the policy of what the page may load."""

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from stat import S_ISREG
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.objects import Bucket
from kit.http.errors import not_found, problem_response
from kit.objects.base import ObjectStore

OWN_PATHS = (
    "/v1",
    "/objects",
    "/docs",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/.well-known",
)
"""Paths that are never a page of the web client."""
_REFERENCE = "/docs"
"""The page of the API; without a build of it, the application answers with a plain one."""
_REFERENCE_FILE = "/api-reference.html"
_ASSETS = "/assets/"
"""Files below it have a hash of their content in their name."""
_IMMUTABLE = "public, max-age=31536000, immutable"
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""Content encodings, best first, with the suffix of the file that the build compressed."""
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_OTHER_TYPE = "application/octet-stream"
_MISSING = """<!doctype html><html lang=en><meta charset=utf-8><title>Cratedig</title>
<meta name=viewport content='width=device-width,initial-scale=1'>
<h1>The web client is not built</h1>
<p>Run <code>make web</code> in the folder of Cratedig, then load this page again. It needs Node 20
or newer, with npm. A server elsewhere looks in the folder that <code>GATEWAY_WEB</code> names.</p>
<p>Everything else works: the <a href=/docs>API</a>, and the command <code>cratedig</code>.</p>
</html>
"""


class WebClient:
    """Answers navigations and requests for assets; everything else goes to the application.

    Parameters
    ----------
    inner
        The application.
    folder
        The built client. It may appear or change while the server runs.
    policy
        The Content-Security-Policy of the page.
    reference_policy
        The Content-Security-Policy of the page of the API.
    """

    def __init__(self, inner: ASGIApp, folder: Path, *, policy: str, reference_policy: str) -> None:
        self._inner = inner
        self._files = StaticFiles(directory=folder, check_dir=False)
        self._policy = policy
        self._reference_policy = reference_policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope["path"] if scope["type"] == "http" else ""
        is_reference = path == _REFERENCE
        if (
            not path
            or scope["method"] not in ("GET", "HEAD")
            or (_is_own(path) and not is_reference)
        ):
            await self._inner(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if is_reference:
            response = await self._file(_REFERENCE_FILE, headers)
            await (response or self._inner)(scope, receive, send)
            return
        is_navigation = "text/html" in headers.get("accept", "")
        if (response := await self._file(path, headers)) is None:
            if path.startswith(_ASSETS):
                # An old page may ask for assets of an earlier build: a page is no answer to that.
                response = problem_response(not_found())
            elif is_navigation:
                response = await self._page(path, headers)
        await (response or self._inner)(scope, receive, send)

    async def _page(self, path: str, headers: Headers) -> Response | None:
        page = await self._file("/index.html", headers)
        if page is None and path == "/":
            return HTMLResponse(_MISSING, 404, {"Cache-Control": "no-cache"})
        return page

    async def _file(self, path: str, headers: Headers) -> Response | None:
        """Return a file of the build, compressed if the client accepts it."""
        suffix = Path(path).suffix
        if suffix in (".br", ".gz") or path.endswith("/") or "/." in path:
            return None
        accepted = {
            part.split(";")[0].strip() for part in headers.get("accept-encoding", "").split(",")
        }
        variants = [(name, end) for name, end in _ENCODINGS if name in accepted]
        for encoding, end in (*variants, ("", "")):
            file = await to_thread.run_sync(self._find, path.lstrip("/") + end)
            if file is not None:
                return self._response(path, file, encoding, headers)
        return None

    def _response(
        self, path: str, file: tuple[str, os.stat_result], encoding: str, headers: Headers
    ) -> Response:
        full, status = file
        suffix = Path(path).suffix
        response = FileResponse(
            full, stat_result=status, media_type=_TYPES.get(suffix, _OTHER_TYPE)
        )
        is_asset = path.startswith(_ASSETS)
        response.headers["Cache-Control"] = _IMMUTABLE if is_asset else "no-cache"
        response.headers["Vary"] = "Accept-Encoding"
        if encoding:
            response.headers["Content-Encoding"] = encoding
        if suffix in (".html", ".js"):
            # A worker has the policy of its own script, not that of the page.
            response.headers["Content-Security-Policy"] = (
                self._reference_policy if path == _REFERENCE_FILE else self._policy
            )
        if self._files.is_not_modified(response.headers, headers):
            unchanged = NotModifiedResponse(response.headers)
            # A browser takes the headers of a 304 for those of the page that it kept, so without
            # this the policy of API responses would block every script of the page.
            if policy := response.headers.get("Content-Security-Policy"):
                unchanged.headers["Content-Security-Policy"] = policy
            return unchanged
        return response

    def _find(self, path: str) -> tuple[str, os.stat_result] | None:
        """Return a file of the folder by its relative path."""
        try:
            # Resolves links and `..`, and finds nothing outside of the folder.
            full, status = self._files.lookup_path(path)
        except (OSError, ValueError):
            # For example because the name is too long.
            return None
        return (full, status) if status is not None and S_ISREG(status.st_mode) else None


def page_policy(objects: ObjectStore) -> str:
    """Return the Content-Security-Policy of the web client's page.

    Scripts are files of this server, and WebAssembly, which decodes FLAC where a browser does not.
    Sound, pictures and uploads also go to the object store, if it has an address of its own.
    """
    stores = " ".join(["'self'", *sorted(_origins(objects))])
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "style-src 'self'",
            "font-src 'self'",
            f"img-src {stores} data: blob:",
            f"media-src {stores} blob:",
            f"connect-src {stores}",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def reference_policy(objects: ObjectStore) -> str:
    """Return the Content-Security-Policy of the page of the API.

    It is that of the client's page, but styles may stand in the document: its renderer makes them.
    """
    return page_policy(objects).replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


def _origins(objects: ObjectStore) -> Iterable[str]:
    """Return the origins of signed URLs other than the gateway's."""
    for bucket in Bucket:
        url = urlsplit(
            objects.sign_get(
                bucket,
                "policy",
                filename="policy",
                media_type=_OTHER_TYPE,
                lasting=timedelta(seconds=1),
            )
        )
        if url.netloc:
            yield f"{url.scheme}://{url.netloc}"


def _is_own(path: str) -> bool:
    return any(path == own or path.startswith(f"{own}/") for own in OWN_PATHS)
