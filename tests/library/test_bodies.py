"""S13: what no database takes does not reach one, whatever the body says that it is."""

import pytest

from tests.library.catalogue import Catalogue, sha256

KINDS = (
    "application/json",
    "application/JSON",
    "Application/Json; charset=utf-8",
    "application/merge-patch+json",
    "application/vnd.x+JSON",
    "text/json",
    "text/plain",
    "application/json, text/plain",
    None,
)
HOSTILE = {
    "nul": b'"a\\u0000b"',
    "surrogate": b'"\\ud800"',
    "integer": b"9223372036854775808",
    "nan": b"NaN",
    "infinity": b"1e999",
    "depth": b"[" * 60 + b"]" * 60,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_no_body_causes_an_internal_error(catalogue: Catalogue, hostile: bytes) -> None:
    user = catalogue.user()
    item = await user.track()
    digest, named = sha256(b"x").encode(), item.encode()
    requests = (
        ("POST", "/v1/uploads", b'{"name":%s,"size":1,"sha256":"%s"}' % (hostile, digest)),
        ("POST", "/v1/uploads", b'{"name":"x","size":%s,"sha256":"%s"}' % (hostile, digest)),
        ("PATCH", f"/v1/items/{item}", b'{"name":%s}' % hostile),
        ("PATCH", f"/v1/items/{item}", b'{"metadata":{"a":%s}}' % hostile),
        ("PATCH", f"/v1/items/{item}", b'{"metadata":{%s:"a"}}' % hostile),
        ("POST", "/v1/jobs", b'{"item":%s,"task":"midi"}' % hostile),
        (
            "POST",
            "/v1/jobs",
            b'{"item":"%s","task":"midi","params":{"a":%s}}' % (named, hostile),
        ),
        ("POST", "/v1/pipelines", b'{"name":%s,"steps":[{"name":"m","task":"midi"}]}' % hostile),
    )
    for method, path, body in requests:
        for kind in KINDS:
            headers = {} if kind is None else {"Content-Type": kind}
            answer = await user.http.request(method, path, content=body, headers=headers)
            assert answer.status_code == 422, (method, path, kind, body, answer.text)
