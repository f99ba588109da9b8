"""Conditional reads and writes: 304 for what the caller has, 412 for what changed meanwhile."""

import asyncio
from typing import Any

import pytest

from tests.library.catalogue import Catalogue, User

PIPELINE = {"name": "mine", "steps": [{"name": "midi", "task": "midi"}]}
LONGER = {"name": "mine", "title": "Longer", "steps": [{"name": "midi", "task": "midi"}]}


async def resources(catalogue: Catalogue, user: User) -> dict[str, tuple[str, Any]]:
    """Return the path of a resource of each kind, and a change of it if it can be changed."""
    song = await user.track(b"a song" * 1000)
    job = await user.post("/jobs", {"item": song, "task": "midi"})
    run = await user.post("/runs", {"item": song, "pipeline": "midi"})
    (file, *_) = (await user.get(f"/items/{song}/artifacts"))["items"]
    collection = await user.post("/collections", {"name": "Kicks"})
    search = await user.post("/saved-searches", {"name": "Kicks", "q": "kick"})
    await user.post("/pipelines", PIPELINE)
    return {
        "artifact": (f"/artifacts/{file['id']}", None),
        "job": (f"/jobs/{job['id']}", None),
        "run": (f"/runs/{run['id']}", None),
        "collection": (f"/collections/{collection['id']}", ("PATCH", {"name": "Hats"})),
        "saved search": (f"/saved-searches/{search['id']}", ("PATCH", {"q": "hat"})),
        "pipeline": ("/pipelines/mine", ("PUT", LONGER)),
        "item": (f"/items/{song}", ("PATCH", {"name": "Night"})),
    }


async def test_every_resource_has_a_tag_that_changes_with_it(catalogue: Catalogue) -> None:
    user = catalogue.user()
    for kind, (path, change) in (await resources(catalogue, user)).items():
        first = await user.http.get(f"/v1{path}")
        tag = first.headers["etag"]
        assert tag.startswith('"'), kind
        for header in (tag, f'"other", W/{tag}', "*"):
            again = await user.http.get(f"/v1{path}", headers={"If-None-Match": header})
            assert (again.status_code, again.content) == (304, b""), kind
            assert again.headers["etag"] == tag, kind
        other = await user.http.get(f"/v1{path}", headers={"If-None-Match": '"other"'})
        assert other.status_code == 200, kind
        if change is None:
            continue
        method, body = change
        for wrong in ('"other"', f"W/{tag}"):
            refused = await user.http.request(
                method, f"/v1{path}", json=body, headers={"If-Match": wrong}
            )
            assert refused.status_code == 412, kind
            assert refused.json()["code"] == "precondition_failed"
        assert (await user.http.get(f"/v1{path}")).json() == first.json(), kind
        done = await user.http.request(method, f"/v1{path}", json=body, headers={"If-Match": tag})
        assert done.status_code == 200, (kind, done.text)
        now = await user.http.get(f"/v1{path}", headers={"If-None-Match": tag})
        assert now.status_code == 200, kind
        assert now.headers["etag"] == done.headers["etag"] != tag, kind
        late = await user.http.delete(f"/v1{path}", headers={"If-Match": tag})
        assert late.status_code == 412, kind
        latest = {"If-Match": now.headers["etag"]}
        assert (await user.http.delete(f"/v1{path}", headers=latest)).status_code == 204, kind
        assert (await user.http.delete(f"/v1{path}", headers=latest)).status_code == 404, kind


async def test_a_permanent_deletion_has_a_condition_too(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = f"/v1/items/{await user.track()}"
    path = f"{item}?permanently=true"
    refused = await user.http.delete(path, headers={"If-Match": '"other"'})
    assert refused.status_code == 412
    tag = (await user.http.get(item)).headers["etag"]
    assert (await user.http.delete(path, headers={"If-Match": tag})).status_code == 204


@pytest.mark.parametrize("kind", ["item", "collection", "saved search", "pipeline"])
async def test_of_concurrent_writes_one_wins(catalogue: Catalogue, kind: str) -> None:
    user = catalogue.user()
    path, change = (await resources(catalogue, user))[kind]
    method, body = change
    tag = (await user.http.get(f"/v1{path}")).headers["etag"]
    answers = await asyncio.gather(
        *(
            user.http.request(method, f"/v1{path}", json=body, headers={"If-Match": tag})
            for _ in range(4)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
