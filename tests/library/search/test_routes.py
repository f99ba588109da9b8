"""`GET /v1/search` as its users meet it, and documents that follow what happens to items."""

from typing import Any

from sqlalchemy import delete, select
from sqlmodel import col

from contracts.analysis import AnalysisResult, KeyCandidate, KeyEstimate
from contracts.items import ItemKind
from contracts.jobs import TaskName
from contracts.music import Stem
from kit.clock import SystemClock
from services.library.deletions import owners
from services.library.search.documents import KEPT_REMOVED, delete_removed
from services.library.search.rebuild import MissingDocuments, rebuild
from services.library.search.tables import SearchDocumentRow, SearchRevisionRow, SearchTagRow
from tests.library.catalogue import Catalogue, User, separated, stems


async def names(user: User, q: str = "", **query: Any) -> set[str]:
    page = await user.get("/search", q=q, limit=200, **query)
    return {hit["item"]["name"] for hit in page["items"]}


async def test_documents_follow_uploads_results_edits_and_deletions(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    song = await user.track(name="Night Drive.wav", metadata={"artist": "Ann", "licence": "CC0"})
    assert await names(user, "drive ann licence:cc0") == {"Night Drive.wav"}
    (hit,) = (await user.get("/search", q="drive"))["items"]
    assert hit["loudness"] == -14.0
    assert hit["item"]["audio"]["duration"] == 10.0
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.BASS, Stem.DRUMS))
    assert await names(user, "from:drive stem:bass") == {"song – bass"}
    await user.post("/jobs", {"item": song, "task": "analysis"})
    key = KeyCandidate(key="A:min", camelot="8A", confidence=0.9)
    analysis = AnalysisResult(
        duration=10.0, key=KeyEstimate(best=key, second=key, tuning_cents=0.0)
    )
    await catalogue.finish(await catalogue.claim(TaskName.ANALYSIS), analysis)
    assert await names(user, "key:Am") == {"Night Drive.wav"}
    assert await names(user, "licence:cc0 kind:stem") == {"song – bass", "song – drums"}
    await user.http.put(f"/v1/items/{song}/tags/Vinyl")
    await user.http.put(f"/v1/items/{song}/favourite")
    assert await names(user, "tag:vinyl is:favourite") == {"Night Drive.wav"}
    await user.http.delete(f"/v1/items/{song}/tags/Vinyl")
    changes = {"name": "Day Walk", "bpm": 92, "rating": 4}
    await user.http.patch(f"/v1/items/{song}", json=changes)
    assert await names(user, "rating:4 -tag:vinyl") == {"Day Walk"}
    assert await names(user, "drive") == set()
    assert await names(user, "walk bpm:90-94") == {"Day Walk"}
    assert await names(stranger, "") == set()
    await user.http.delete(f"/v1/items/{song}?permanently=true")
    assert await names(user, "") == set()
    async with catalogue.database.session() as session:
        assert all(row.removed for row in await session.scalars(select(SearchDocumentRow)))


async def test_a_changed_licence_reaches_what_was_cut_from_it(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track(name="Night.wav", metadata={"licence": "CC0"})
    await user.post("/jobs", {"item": song, "task": "separation"})
    claim = await catalogue.claim(TaskName.SEPARATION)
    await catalogue.finish(claim, separated(), stems(Stem.BASS, Stem.DRUMS))
    cut = (await user.get("/items", parent=song))["items"]
    bass = next(item["id"] for item in cut if item["name"] == "song – bass")
    await user.http.patch(f"/v1/items/{bass}", json={"metadata": {"licence": "Own"}})
    await user.http.patch(f"/v1/items/{song}", json={"metadata": {"licence": "CC-BY-4.0"}})
    assert await names(user, "licence:cc-by-4.0") == {"Night.wav", "song – drums"}
    assert await names(user, "licence:own") == {"song – bass"}
    edit = {"items": [song], "set_metadata": {"licence": None}}
    await user.post("/items/edit", {"edits": [edit]})
    assert await names(user, "licence:cc-by-4.0") == set()
    # One that gives up its own licence inherits again.
    await user.http.patch(f"/v1/items/{song}", json={"metadata": {"licence": "CC0"}})
    await user.http.patch(f"/v1/items/{bass}", json={"metadata": {}})
    assert await names(user, "licence:cc0") == {"Night.wav", "song – drums", "song – bass"}


async def test_parameters_make_the_same_search_as_the_language(catalogue: Catalogue) -> None:
    user = catalogue.user()
    query = {
        "q": "warm", "kind": ["sample", "stem"], "not_kind": "track", "sound_class": "kick",
        "not_stem": "bass", "tag": "Vinyl", "licence": "CC0-1.0", "key": ["Am~", "8B"],
        "bpm": "118-128", "bpm_fold": True, "duration": "<0.5", "source": "Evening Star",
        "favourite": True, "min_rating": 3, "in_doubt": False, "created": "2026-05",
        "sort": "-name",
    }  # fmt: skip
    page = await user.get("/search", **query)
    assert page["query"] == (
        "warm kind:sample,stem -kind:track class:kick -stem:bass tag:vinyl licence:cc0-1.0"
        ' key:8A~,8B bpm:>=118~ bpm:<=128~ duration:<0.5 from:"evening star" is:favourite'
        " -is:doubtful rating:3 created:>=2026-05-01 created:<2026-06-01 sort:-name"
    )
    assert [part["text"] for part in page["understood"]] == ["warm"]
    assert (await user.get("/search", q=page["query"]))["query"] == page["query"]


async def test_what_a_collection_holds_is_found_by_its_owner_alone(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    held = await user.track(b"held" * 1000, name="Held.wav")
    other = await user.track(b"other" * 1000, name="Other.wav")
    theirs = await stranger.track(name="Theirs.wav")
    collection = (await user.post("/collections", {"name": "Night bus"}))["id"]
    await user.post(f"/collections/{collection}/items", {"items": [held]})
    of_stranger = (await stranger.post("/collections", {"name": "Theirs"}))["id"]
    await stranger.post(f"/collections/{of_stranger}/items", {"items": [theirs]})
    assert await names(user, f"in:{collection}") == {"Held.wav"}
    assert await names(user, "other", collection=collection) == set()
    assert await names(user, collection=[collection, of_stranger]) == {"Held.wav"}
    assert await names(stranger, collection=collection) == set()
    await user.post(f"/collections/{collection}/items", {"items": [other]})
    assert await names(user, f"in:{collection}") == {"Held.wav", "Other.wav"}


REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({"colour": "red"}, "query.colour"),
    ({"bpm": "fast"}, "query.bpm"),
    ({"key": "H"}, "query.key"),
    ({"created": "yesterday"}, "query.created"),
    ({"sort": "size"}, "query.sort"),
    ({"q": "x" * 401}, "query.q"),
    ({"q": " ".join("abcdefghijklmnopqrs")}, "query.q"),
    ({"like": "x"}, "query.like"),
    ({"sound_class": "dog"}, "query.sound_class.0"),
    ({"cursor": "x"}, "query.cursor"),
)


async def test_what_cannot_be_read_is_refused_by_name(catalogue: Catalogue) -> None:
    user = catalogue.user()
    for query, field in REFUSED:
        answer = await user.http.get("/v1/search", params=query)
        assert answer.status_code == 422, query
        assert [problem["field"] for problem in answer.json()["fields"]] == [field]


async def test_documents_that_are_missing_are_written_and_all_can_be_again(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    for n in range(3):
        await user.track(f"song {n}".encode() * 100, name=f"song {n}.wav")
    database = catalogue.database
    async with database.transaction() as session:
        await session.execute(delete(SearchDocumentRow))
        await session.execute(delete(SearchRevisionRow))
    assert await names(catalogue.user(owner=user.owner), "song") == set()
    await MissingDocuments(database, clock=SystemClock()).write()
    fresh = await user.get("/search", q="song sort:name")
    assert [hit["item"]["name"] for hit in fresh["items"]] == [f"song {n}.wav" for n in range(3)]
    async with database.session() as session:
        ids = set(await session.scalars(select(col(SearchDocumentRow.id))))
    seen: list[str] = []
    count = await rebuild(database, on_progress=lambda item, _: seen.append(item))
    assert (count, len(seen)) == (3, 1)
    assert await rebuild(database, after=seen[0], on_progress=lambda *_: None) == 0
    async with database.session() as session:
        assert set(await session.scalars(select(col(SearchDocumentRow.id)))) == ids
    assert await names(user, "song") == {f"song {n}.wav" for n in range(3)}


async def test_documents_go_with_their_owner_and_a_day_after_their_item(
    catalogue: Catalogue,
) -> None:
    user, other = catalogue.user(), catalogue.user()
    await user.track(b"mine" * 100)
    kept = await other.track(b"other" * 100)
    await other.http.delete(f"/v1/items/{kept}?permanently=true")
    database = catalogue.database
    assert await delete_removed(database) == 0
    async with database.transaction() as session:
        document = (await session.scalars(
            select(SearchDocumentRow).where(col(SearchDocumentRow.item) == kept)
        )).one()  # fmt: skip
        document.updated -= 2 * KEPT_REMOVED
    assert await delete_removed(database) == 1
    async with database.transaction() as session:
        await owners.mark_deleted(session, user.owner)  # type: ignore[arg-type]
    while await owners.delete_piece(database, catalogue.server.vectors, user.owner):  # type: ignore[arg-type]
        pass
    async with database.session() as session:
        for table in (SearchDocumentRow, SearchTagRow):
            assert list(await session.scalars(select(table))) == []
        left = list(await session.scalars(select(col(SearchRevisionRow.owner))))
    assert left == [other.owner]


async def test_what_a_file_states_is_found_as_the_words_of_the_file(catalogue: Catalogue) -> None:
    user = catalogue.user()

    async def hit(name: str) -> Any:
        hits = (await user.get("/search", q=name))["items"]
        assert len(hits) == 1
        return [hits[0][field] for field in ("bpm", "bpm_source", "key", "key_source")]

    ids = {}
    for name, kind in (("loop", ItemKind.SAMPLE), ("song", ItemKind.TRACK)):
        done = await user.upload(name.encode() * 1000, name=f"{name}.wav")
        ids[name] = done["item"]
        await catalogue.ingest_next(kind=kind, bpm="128", initial_key="A:min")
        assert await hit(name) == [128.0, "file", "A:min", "file"]
    assert len((await user.get("/search", q="bpm:128 key:8A"))["items"]) == 2
    estimate = KeyCandidate(key="C:maj", camelot="8B", confidence=0.9)
    analysis = AnalysisResult(
        duration=10.0,
        key=KeyEstimate(best=estimate, second=estimate, tuning_cents=0.0),
    )
    for item in ids.values():
        await user.post("/jobs", {"item": item, "task": "analysis"})
        await catalogue.finish(await catalogue.claim(TaskName.ANALYSIS), analysis)
    # A sample's maker knows its key; the tags of songs are estimates too.
    assert await hit("loop") == [128.0, "file", "A:min", "file"]
    assert await hit("song") == [128.0, "file", "C:maj", "machine"]
    await user.http.patch(f"/v1/items/{ids['song']}", json={"bpm": 64})
    assert await hit("song") == [64.0, "user", "C:maj", "machine"]
