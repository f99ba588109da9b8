"""Listeners get every added and changed item in the transaction that changes it."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.jobs import TaskName
from contracts.music import Stem
from services.library.catalogue.changes import ITEM_CHANGED
from services.library.catalogue.tables import ItemRow
from tests.library.catalogue import Catalogue, separated, stems


async def test_items_are_reported_when_they_are_added_and_changed(catalogue: Catalogue) -> None:
    user = catalogue.user()
    seen: list[tuple[str, str]] = []

    async def see(session: AsyncSession, items: Sequence[ItemRow]) -> None:
        seen.extend((item.name, item.state) for item in items)

    catalogue.database.hooks.register(ITEM_CHANGED, see)
    upload = await user.upload(b"a song" * 1000)
    assert seen == [("song.wav", "ingesting")]
    seen.clear()
    await catalogue.ingest_next()
    # Once by what ingest does to its item, and once by the search, which shows its result.
    assert seen == [("song.wav", "ready")] * 2
    seen.clear()
    await user.http.patch(f"/v1/items/{upload['item']}", json={"name": "Night Drive"})
    assert seen == [("Night Drive", "ready")]
    seen.clear()
    await user.post("/jobs", {"item": upload["item"], "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.BASS))
    assert seen == [("song – bass", "ready")]


async def test_an_error_in_a_listener_undoes_the_change(catalogue: Catalogue) -> None:
    user = catalogue.user()
    item = await user.track()

    async def refuse(session: AsyncSession, items: Sequence[ItemRow]) -> None:
        raise RuntimeError("refused")

    catalogue.database.hooks.register(ITEM_CHANGED, refuse)
    answer = await user.http.patch(f"/v1/items/{item}", json={"name": "Night Drive"})
    assert answer.status_code == 500
    assert (await user.get(f"/items/{item}"))["name"] == "song.wav"
