"""Query sounds: searched by, in no list, removed when they expire."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from contracts.items import ItemKind
from contracts.jobs import TaskName
from contracts.objects import Bucket
from contracts.subjects import SubjectKind
from contracts.tagging import Tags
from kit.clock import SystemClock
from services.library.catalogue.tables import ArtifactRow, ItemRow
from services.library.events.tables import EventRow
from services.library.jobs.tables import GarbageRow, JobRow
from services.library.query_sounds import query_sounds
from services.library.query_sounds.query_sounds import MAX_WAITING
from services.library.query_sounds.results import QuerySounds
from services.library.query_sounds.tables import QuerySoundRow
from tests.library.catalogue import UNKNOWN, Catalogue, User
from tests.library.search.test_tag_files import HAT, KICK, RESULT, files
from tests.library.similarity.crate import add_samples, angle, sample

DATA = b"a kick" * 300


def background(catalogue: Catalogue) -> QuerySounds:
    return QuerySounds(catalogue.database, catalogue.objects, clock=SystemClock())


async def sent(user: User, data: bytes = DATA) -> str:
    """Send a file; return its upload, which is not completed."""
    upload = await user.open(data, name="kick.wav")
    await user.send(upload, data)
    return str(upload["id"])


async def described(user: User, catalogue: Catalogue, degrees: float, data: bytes = DATA) -> str:
    """Make a query sound that is ready."""
    sound = await user.post("/query-sounds", {"upload": await sent(user, data)})
    assert (sound["state"], sound["name"]) == ("waiting", "kick.wav")
    claim = await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    assert claim.item is None
    assert claim.params["max_duration"] == 30.0
    tags = Tags(samples=(sample("canonical", angle(degrees), sound=KICK),))
    await catalogue.finish(await catalogue.claim(TaskName.TAGGING), RESULT, files(tags))
    while await background(catalogue).read():
        pass
    answer = await user.get(f"/query-sounds/{sound['id']}", wait=5)
    assert answer["state"] == "ready"
    return str(sound["id"])


async def crate(user: User, catalogue: Catalogue) -> dict[str, str]:
    places = {"tom": 20, "snare": 50, "hat": 90}
    return await add_samples(
        user, catalogue, [sample(n, angle(d), sound=HAT if n == "hat" else KICK)
                          for n, d in places.items()],
    )  # fmt: skip


def names(answer: Any) -> list[str]:
    return [sound["hit"]["item"]["name"] for sound in answer["items"]]


async def test_a_file_is_searched_by_and_stays_in_no_list(catalogue: Catalogue) -> None:
    user = catalogue.user()
    items = await crate(user, catalogue)
    before = await user.get("/usage")
    async with catalogue.database.session() as session:
        counts = [await session.scalar(select(func.count(t.id))) for t in (ItemRow, ArtifactRow)]
        events = await session.scalar(select(func.max(EventRow.seq)))
    id_ = await described(user, catalogue, 15)
    answer = await user.post("/search/similar", {"like": [{"query_sound": id_}]})
    assert names(answer) == ["tom", "snare", "hat"]
    assert answer["items"][0]["aspects"]["pitch"] == 0.0
    both = [{"query_sound": id_}, {"item": items["tom"], "weight": -0.9}]
    assert names(await user.post("/search/similar", {"like": both, "q": "-hat"}))
    page = await user.get("/search", q=f"like:{id_}", counts=True)
    assert [hit["item"]["name"] for hit in page["items"]] == ["tom", "snare", "hat"]
    distances = [hit["distance"] for hit in page["items"]]
    assert distances == sorted(distances)
    again = await user.get("/search", q=f"like:{id_}", snapshot=page["snapshot"], offset=1)
    assert [hit["distance"] for hit in again["items"]] == distances[1:]
    assert (await user.get("/search"))["items"][0]["distance"] is None
    # Nothing of it is kept in what lists, counts or searches read.
    assert await user.get("/usage") == before
    async with catalogue.database.session() as session:
        after = [await session.scalar(select(func.count(t.id))) for t in (ItemRow, ArtifactRow)]
        types = await session.scalars(
            select(EventRow.type).where(EventRow.seq > events, EventRow.owner == user.owner)
        )
        assert not {type_ for type_ in types if type_.startswith(("item.", "artifact."))}
    assert after == counts
    listed = (await user.get("/jobs"))["items"]
    assert {job["subject"]["kind"] for job in listed} == {"item"}
    jobs = await user.get("/jobs", subject=f"query_sound:{id_}")
    assert {job["task"] for job in jobs["items"]} == {"ingest", "tagging"}
    other = catalogue.user()
    for path in (f"/v1/query-sounds/{id_}", f"/v1/query-sounds/{UNKNOWN}"):
        assert (await other.http.get(path)).status_code == 404
        assert (await other.http.delete(path)).status_code == 404
    body = {"like": [{"query_sound": id_}]}
    assert (await other.http.post("/v1/search/similar", json=body)).status_code == 404
    assert (await other.get("/search", q=f"like:{id_}"))["total"] == 0


async def test_one_upload_makes_one_sound_or_one_item(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_sounds, "MAX_QUERY_SOUND_BYTES", 4096)
    user = catalogue.user()
    upload = await sent(user)
    first = await user.post("/query-sounds", {"upload": upload})
    assert await user.post("/query-sounds", {"upload": upload}) == first
    item = await user.upload(b"another" * 300)
    refused = await user.http.post("/v1/query-sounds", json={"upload": item["id"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    unsent = await user.open(b"nothing of it" * 10)
    refused = await user.http.post("/v1/query-sounds", json={"upload": unsent["id"]})
    assert refused.status_code == 409
    large = await user.post("/uploads", {"name": "long.wav", "size": 4097, "sha256": "0" * 64})
    refused = await user.http.post("/v1/query-sounds", json={"upload": large["id"]})
    assert refused.status_code == 413
    assert "4,097 bytes" in refused.json()["detail"]
    assert (await user.http.post("/v1/query-sounds", json={"upload": UNKNOWN})).status_code == 404


async def test_a_sound_that_cannot_be_read_says_why(catalogue: Catalogue) -> None:
    user = catalogue.user()
    bad = await user.post("/query-sounds", {"upload": await sent(user)})
    await catalogue.reject(await catalogue.claim(TaskName.INGEST), "This file is 31 s long.")
    answer = await user.get(f"/query-sounds/{bad['id']}", wait=5)
    assert (answer["state"], answer["reason"]) == ("failed", "This file is 31 s long.")
    silent = await user.post("/query-sounds", {"upload": await sent(user, b"silence" * 200)})
    await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    await catalogue.skip(await catalogue.claim(TaskName.TAGGING))
    answer = await user.get(f"/query-sounds/{silent['id']}")
    assert answer["state"] == "failed"
    assert "silent" in answer["reason"]
    answer = await user.post("/search/similar", {"like": [{"query_sound": silent["id"]}]})
    assert (answer["items"], answer["missing"]) == ([], [silent["id"]])


async def test_a_sound_goes_before_the_uploads_of_its_owner(catalogue: Catalogue) -> None:
    user = catalogue.user()
    await user.upload(b"a long song" * 100)
    sound = await user.post("/query-sounds", {"upload": await sent(user)})
    claim = await catalogue.claim(TaskName.INGEST)
    assert (claim.subject.kind, claim.subject.id) == (SubjectKind.QUERY_SOUND, sound["id"])


async def test_sounds_are_bounded_and_removed_with_all_that_belongs_to_them(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    for number in range(MAX_WAITING):
        await user.post("/query-sounds", {"upload": await sent(user, b"%d" % number * 100)})
    upload = await sent(user)
    refused = await user.http.post("/v1/query-sounds", json={"upload": upload})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    async with catalogue.database.transaction() as session:
        await session.execute(update(QuerySoundRow).values(state="ready"))
    kept = await user.post("/query-sounds", {"upload": upload})
    async with catalogue.database.transaction() as session:
        # As if all but the last one were 45 minutes old.
        await session.execute(
            update(QuerySoundRow)
            .where(col(QuerySoundRow.id) != kept["id"])
            .values(expires=catalogue.database.now(offset=-timedelta(seconds=1)))
        )
    await background(catalogue).remove_expired()
    async with catalogue.database.session() as session:
        assert list(await session.scalars(select(QuerySoundRow.id))) == [kept["id"]]
        subjects = set(await session.scalars(select(JobRow.subject_id)))
        garbage = (await session.execute(select(GarbageRow.bucket, GarbageRow.prefix))).all()
    assert subjects == {kept["id"]}
    assert sum(bucket == Bucket.ORIGINALS for bucket, _ in garbage) == MAX_WAITING
    assert (await user.http.delete(f"/v1/query-sounds/{kept['id']}")).status_code == 204
    assert (await user.http.get(f"/v1/query-sounds/{kept['id']}")).status_code == 404
    body = {"like": [{"query_sound": kept["id"]}]}
    assert (await user.http.post("/v1/search/similar", json=body)).status_code == 404
    await background(catalogue).remove_expired()
    async with catalogue.database.session() as session:
        assert (await session.scalars(select(QuerySoundRow.id))).first() is None


@pytest.mark.parametrize("body", [{}, {"item": UNKNOWN, "query_sound": UNKNOWN}])
async def test_an_example_is_an_item_or_a_query_sound(
    catalogue: Catalogue, body: dict[str, str]
) -> None:
    user = catalogue.user()
    refused = await user.http.post("/v1/search/similar", json={"like": [body]})
    assert refused.status_code == 422
    assert "either" in refused.text
