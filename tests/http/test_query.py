"""Query parameters that an operation does not have."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, Query

from contracts.base import StrictModel
from kit.http.app import create_app
from kit.http.routes import GuardedRoute


class _Filter(StrictModel):
    """Parameters as one model."""

    tag: str | None = None


def _page(limit: int = 10) -> int:
    return limit


def _client() -> httpx.AsyncClient:
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/items")
    async def items(
        limit: Annotated[int, Depends(_page)], kind: Annotated[str | None, Query(alias="of")] = None
    ) -> dict[str, object]:
        return {"limit": limit, "kind": kind}

    @router.get("/search")
    async def search(params: Annotated[_Filter, Query()]) -> dict[str, object]:
        return {"tag": params.tag}

    @router.get("/item")
    async def item() -> dict[str, object]:
        return {}

    @router.get("/callback", include_in_schema=False)
    async def callback(code: str) -> dict[str, object]:
        return {"code": code}

    app = create_app("test")
    app.include_router(router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "unknown"),
    [
        ("/items?limt=5", ["limt"]),
        ("/items?limit=5&kind=song", ["kind"]),
        ("/items?a=1&b=2&a=3", ["a", "b"]),
        ("/search?tags=dusty", ["tags"]),
        ("/item?fields=name", ["fields"]),
    ],
)
async def test_unknown_parameters_are_refused_by_name(path: str, unknown: list[str]) -> None:
    async with _client() as client:
        answer = await client.get(path)
    assert answer.status_code == 422
    problem = answer.json()
    assert [field["field"] for field in problem["fields"]] == [f"query.{name}" for name in unknown]


async def test_refusal_says_which_parameters_there_are() -> None:
    async with _client() as client:
        listed = (await client.get("/items?limt=5")).json()["detail"]
        none = (await client.get("/item?x=1")).json()["detail"]
    assert "it has limit, of" in listed
    assert "it has none" in none


async def test_described_parameters_are_read() -> None:
    async with _client() as client:
        assert (await client.get("/items?limit=5&of=song")).json() == {"limit": 5, "kind": "song"}
        assert (await client.get("/search?tag=dusty")).json() == {"tag": "dusty"}


async def test_redirects_of_other_programs_may_add_parameters() -> None:
    async with _client() as client:
        assert (await client.get("/callback?code=a&hd=example.org")).json() == {"code": "a"}
