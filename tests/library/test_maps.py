"""Maps: requested, computed, shown and kept up to date."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np

from contracts.maps import CLASSES, MAX_MAPS
from contracts.tagging import SoundClass
from cratedig.types import MapPoints
from kit.arrays import F32
from services.library.maps.computing import MAX_STARTS, ComputeLayout, MapLayouts
from services.library.maps.layout import Layout, lay_out
from services.library.maps.layout_process import LayoutFailed
from services.library.maps.placing import Placer
from tests.library.catalogue import Catalogue, User
from tests.library.similarity.crate import add_samples, angle, sample
from tests.support.timeouts import HANG_TIMEOUT

NAME = "All samples"
FEW = {f"kick-{degrees}": angle(degrees) for degrees in (0, 10, 20, 150, 160, 170)}


class InThisProcess:
    """Computes layouts at once; tests change what it does."""

    def __init__(self, act: Callable[[], Awaitable[None]] | None = None) -> None:
        self.act = act

    async def __call__(self, vectors: F32, *, seed: int) -> Layout:
        if self.act is not None:
            await self.act()
        return lay_out(vectors, seed=seed)


def layouts(
    catalogue: Catalogue,
    compute: ComputeLayout | None = None,
    *,
    max_points: int = 1000,
    **limits: int,
) -> MapLayouts:
    database, vectors = catalogue.database, catalogue.server.vectors
    placer = Placer(database, vectors, max_points=max_points, **limits)
    compute = compute or InThisProcess()
    return MapLayouts(database, vectors, compute, max_points=max_points, placer=placer)


async def settle(catalogue: Catalogue, *arguments: Any, **limits: int) -> None:
    """Compute and place until nothing is left to do."""
    background = layouts(catalogue, *arguments, **limits)
    while await background.compute() or await background.act():
        pass


async def add(user: User, catalogue: Catalogue, places: Mapping[str, Any]) -> dict[str, str]:
    return await add_samples(user, catalogue, [sample(n, p) for n, p in places.items()])


async def put(user: User, body: Any = None, *, status: int = 200, **query: Any) -> Any:
    answer = await user.http.put(f"/v1/maps/{NAME}", json=body or {}, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def points(user: User) -> dict[str, tuple[int, int]]:
    answer = await user.http.get(f"/v1/maps/{NAME}/points")
    assert answer.status_code == 200, answer.text
    read = MapPoints.from_bytes(answer.content)
    return dict(zip(read.items, zip(read.x, read.y, strict=True), strict=True))


async def changes(user: User) -> list[tuple[str, str]]:
    feed = await user.get("/feed", after="start", limit=200)
    events = [e["data"] for e in feed["items"] if e["type"] == "map.changed"]
    return [(event["change"], event["state"]) for event in events]


async def test_a_map_is_requested_computed_and_read(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await add(user, catalogue, FEW)
    waiting = await put(user, {"seed": 3}, status=201)
    assert (waiting["state"], waiting["points"], waiting["seed"]) == ("waiting", 0, 3)
    assert waiting == await put(user, {"seed": 3}) == await put(user, {"seed": 3}, again=True)
    await settle(catalogue)
    ready = await user.get(f"/maps/{NAME}")
    assert (ready["state"], ready["points"], ready["reason"]) == ("ready", 6, None)
    assert ready["computed_at"]
    assert ready["classes"] == [name.value for name in SoundClass]
    assert (await user.get("/maps"))["items"] == [ready]
    placed = await points(user)
    assert set(placed) == set(items.values())
    near, far = (np.array([placed[items[f"kick-{n}"]] for n in p]) for p in ((0, 10), (150, 170)))
    assert np.ptp(near, axis=0).max() < np.abs(near.mean(axis=0) - far.mean(axis=0)).max()
    # It is computed again only if that is asked for, or something else is to be shown.
    assert await put(user, {"seed": 3}) == ready
    assert (await put(user, {"seed": 3}, again=True))["state"] == "waiting"
    assert await points(user) == placed
    expected = ["requested", "started", "computed", "requested"]
    assert [change for change, _ in await changes(user)] == expected
    # Others have no such map.
    assert (await stranger.get("/maps"))["items"] == []
    for path in ("", "/points"):
        assert (await stranger.http.get(f"/v1/maps/{NAME}{path}")).status_code == 404
    assert (await stranger.http.delete(f"/v1/maps/{NAME}")).status_code == 404
    assert (await user.http.delete(f"/v1/maps/{NAME}")).status_code == 204
    await settle(catalogue)
    assert (await user.get("/maps"))["items"] == []


async def test_points_have_classes_and_an_etag_and_leave_out_what_was_deleted(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    samples = [sample("hat", angle(0), label=SoundClass.CLOSED_HAT), sample("kick", angle(90))]
    items = await add_samples(user, catalogue, samples)
    await put(user, status=201)
    await settle(catalogue)
    answer = await user.http.get(f"/v1/maps/{NAME}/points")
    read = MapPoints.from_bytes(answer.content)
    classes = dict(zip(read.items, read.classes, strict=True))
    assert classes[items["hat"]] == CLASSES.index(SoundClass.CLOSED_HAT)
    assert classes[items["kick"]] == CLASSES.index(SoundClass.KICK)
    tag = answer.headers["etag"]
    again = {"If-None-Match": f'"other", {tag}'}
    same = await user.http.get(f"/v1/maps/{NAME}/points", headers=again)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await user.http.delete(f"/v1/items/{items['kick']}")).status_code == 204
    changed = await user.http.get(f"/v1/maps/{NAME}/points", headers=again)
    assert MapPoints.from_bytes(changed.content).items == (items["hat"],)


async def test_new_sounds_are_placed_and_no_other_one_moves(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    items = await add(user, catalogue, FEW)
    await put(user, status=201)
    await settle(catalogue)
    before = await points(user)
    new = await add(user, catalogue, {f"late-{n}": angle(n) for n in (0, 150, 5)})
    await settle(catalogue, min_laid_out=3, at_once=2)
    after = await points(user)
    assert {item: after[item] for item in before} == before
    assert set(after) == set(before) | set(new.values())
    # A copy lies where its original does.
    for late, original in (("late-0", "kick-0"), ("late-150", "kick-150")):
        gap = np.subtract(after[new[late]], before[items[original]], dtype=np.int64)
        assert np.abs(gap).max() < 700
    assert (await user.get(f"/maps/{NAME}"))["points"] == 9
    assert [change for change, _ in await changes(user)][3:] == ["placed", "placed"]


async def test_a_small_map_is_computed_again_when_sounds_come(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await put(user, status=201)
    await settle(catalogue)
    empty = await user.get(f"/maps/{NAME}")
    assert (empty["state"], empty["points"]) == ("ready", 0)
    assert "Tag them" in empty["reason"]
    assert await points(user) == {}
    items = await add(user, catalogue, FEW)
    await settle(catalogue)
    assert set(await points(user)) == set(items.values())


async def test_a_map_of_a_collection_follows_it(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    items = await add(user, catalogue, FEW)
    collection = (await user.post("/collections", {"name": "Kicks"}))["id"]
    path = f"/collections/{collection}/items"
    await user.post(path, {"items": [items["kick-0"], items["kick-150"]]})
    await put(stranger, {"collection": collection}, status=404)
    created = await put(user, {"collection": collection}, status=201)
    assert created["collection"] == collection
    await settle(catalogue)
    assert set(await points(user)) == {items["kick-0"], items["kick-150"]}
    await user.post(path, {"items": [items["kick-20"]]})
    await user.post(f"{path}/remove", {"items": [items["kick-0"]]})
    await settle(catalogue)
    assert set(await points(user)) == {items["kick-20"], items["kick-150"]}
    # It shows all samples if that is asked for, and goes with its collection otherwise.
    assert (await put(user, {}))["collection"] is None
    await settle(catalogue)
    assert set(await points(user)) == set(items.values())
    await put(user, {"collection": collection})
    assert (await user.http.delete(f"/v1/collections/{collection}")).status_code == 204
    assert (await user.get("/maps"))["items"] == []


async def test_a_layout_that_is_not_wanted_any_more_is_dropped(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await add(user, catalogue, FEW)
    await put(user, status=201)

    async def ask_for_another() -> None:
        await put(user, {"seed": 9})

    await layouts(catalogue, InThisProcess(ask_for_another)).compute()
    assert (await user.get(f"/maps/{NAME}"))["state"] == "waiting"
    await settle(catalogue)
    ready = await user.get(f"/maps/{NAME}")
    assert (ready["state"], ready["seed"], ready["points"]) == ("ready", 9, 6)


async def test_a_layout_is_begun_again_after_a_restart_and_given_up_in_the_end(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    await add(user, catalogue, FEW)
    await put(user, status=201)
    started = asyncio.Event()

    async def never_end() -> None:
        started.set()
        await asyncio.Event().wait()

    for _ in range(MAX_STARTS):
        started.clear()
        stopping = asyncio.Event()
        running = asyncio.create_task(layouts(catalogue, InThisProcess(never_end)).run(stopping))
        async with asyncio.timeout(HANG_TIMEOUT):
            await started.wait()
            stopping.set()
            await running
        assert (await user.get(f"/maps/{NAME}"))["state"] == "computing"
    await settle(catalogue)
    failed = await user.get(f"/maps/{NAME}")
    assert failed["state"] == "failed"
    assert "Request it again" in failed["reason"]
    await put(user, again=True)
    await settle(catalogue)
    assert (await user.get(f"/maps/{NAME}"))["state"] == "ready"


async def test_a_map_that_fails_says_why(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await add(user, catalogue, FEW)
    await put(user, status=201)
    await settle(catalogue, max_points=5)
    failed = await user.get(f"/maps/{NAME}")
    assert failed["state"] == "failed"
    assert "at most 5" in failed["reason"]

    async def break_off() -> None:
        raise LayoutFailed("its process ended with -9")

    await put(user, again=True)
    await settle(catalogue, InThisProcess(break_off))
    assert "ended with -9" in (await user.get(f"/maps/{NAME}"))["reason"]
    assert (await changes(user))[-1] == ("failed", "failed")


async def test_maps_are_bounded_and_their_names_checked(catalogue: Catalogue) -> None:
    user = catalogue.user()
    for number in range(MAX_MAPS):
        assert (await user.http.put(f"/v1/maps/{number}", json={})).status_code == 201
    full = await user.http.put("/v1/maps/more", json={})
    assert full.status_code == 409
    assert "delete one first" in full.json()["detail"]
    assert len((await user.get("/maps"))["items"]) == MAX_MAPS
    for name in ("%20", "a" * 65, "a%3Cb"):
        wrong = await user.http.put(f"/v1/maps/{name}", json={})
        assert wrong.status_code == 422
        assert "begins with a letter or digit" in wrong.text
