"""What a search finds, in which order, and what it counts: on SQLite and on Postgres."""

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from contracts.search import DOUBT, SearchResult
from kit.http.errors import ProblemError
from services.library.catalogue import tables
from services.library.search.documents import index_items, remove_items
from services.library.search.ranking import MAX_RANKED
from tests.library.search.crate import NOON, Crate

Crates = Callable[[], Crate]


async def test_text_finds_words_prefixes_and_phrases_in_every_script(crate: Crate) -> None:
    names = ["Größe Kick_01.wav", "Night Drive", "drive at night", "東京の夜", "กลองชุด", "Ελλάδα"]
    for name in names:
        await crate.add(name)
    await crate.add("labelled", labels={"artist": "Björk Guðmundsdóttir"})
    for text, expected in {
        "grosse": {names[0]},
        "KICK 01": {names[0]},
        "kick-01": {names[0]},
        "gro": {names[0]},
        '"gro"': set(),
        "drive night": {names[1], names[2]},
        '"night drive"': {names[1]},
        "night -drive": set(),
        "-night": {*names, "labelled"} - {names[1], names[2]},
        "京の": {names[3]},
        "京夜": set(),
        "กลอง": {names[4]},
        "ελλαδ": {names[5]},
        "bjork": {"labelled"},
        "zzz": set(),
    }.items():
        assert await crate.found(text) == expected, text


INJECTIONS = (
    ["kick* OR", 'a" OR "b', "NEAR(a b)", "words:kick", "^kick", "-", "a AND b", "kick & !x", "'",
     "kick:*", "\\", "a <-> b", "(", "\x00", "\ud800", "\ue0000", "%", "col : a", '"a" * "b']
)  # fmt: skip


async def test_no_text_reaches_the_syntax_of_an_index(crate: Crate) -> None:
    await crate.add("plain")
    for text in INJECTIONS:
        assert await crate.names(text) in ([], ["plain"]), text


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=30))
async def test_any_text_can_be_searched_and_finds_its_own_name(crate: Crate, text: str) -> None:
    await crate.search(text)


async def test_facets_filter_and_are_counted_without_their_own_filter(crate: Crate) -> None:
    await crate.add("a", ("vinyl", "dusty"), sound_class="kick", class_confidence=0.9, stem="drums")
    await crate.add("b", ("vinyl",), sound_class="kick", class_confidence=0.5, favourite=True)
    await crate.add("c", sound_class="snare", class_confidence=0.7, rating=4, camelot="8A")
    await crate.add("d", kind="track", labels={"licence": "CC0-1.0"}, rating=5)
    result = await crate.search("class:kick", counts=True)
    facets = result.facets
    assert facets is not None
    assert result.total == 2
    counted = {
        name: {count.value: count.count for count in getattr(facets, name)}
        for name in ("kinds", "classes", "stems", "keys", "tags", "licences", "ratings")
    }
    assert counted == {
        "kinds": {"sample": 2},
        "classes": {"kick": 2, "snare": 1},
        "stems": {"drums": 1},
        "keys": {},
        "tags": {"vinyl": 2, "dusty": 1},
        "licences": {},
        "ratings": {},
    }
    assert (facets.favourites, facets.in_doubt) == (1, 1)
    for text, expected in {
        "tag:vinyl,dusty": {"a"},
        "tag:vinyl -tag:dusty": {"b"},
        "-class:kick": {"c", "d"},
        "kind:track": {"d"},
        "licence:cc0-1.0": {"d"},
        "stem:drums,bass": {"a"},
        "rating:4": {"c", "d"},
        "rating:>4": {"d"},
        "is:favourite": {"b"},
        "-is:favourite": {"a", "c", "d"},
        "is:doubtful": {"b"},
        "-is:doubtful": {"a", "c", "d"},
        "tag:unknown": set(),
    }.items():
        assert await crate.found(text) == expected, text
    assert DOUBT == 0.62


async def test_ranges_keys_and_dates(crate: Crate) -> None:
    await crate.add("slow", bpm=60.0, camelot="8A", duration=0.1, loudness=-20.0)
    await crate.add("mid", bpm=120.0, camelot="9A", duration=1.0, brightness=5000.0)
    await crate.add("fast", bpm=174.0, camelot="8B", duration=10.0, pitch=50.0)
    await crate.add("unknown", noisiness=0.5, attack=0.005)
    for text, expected in {
        "bpm:118-122": {"mid"},
        "bpm:118-122~": {"mid", "slow"},
        "bpm:<=120": {"slow", "mid"},
        "bpm:<120": {"slow"},
        "bpm:<1e60": {"slow", "mid", "fast"},
        "len:<=0.1": {"slow"},
        "loudness:-30..-10": {"slow"},
        "key:Am": {"slow"},
        "key:Am~": {"slow", "mid", "fast"},
        "key:Am~relative": {"slow", "fast"},
        "bright": {"mid"},
        "short": {"slow"},
        "long": {"fast"},
        "deep": {"fast"},
        "noisy": {"unknown"},
        "punchy -noisy": set(),
        "created:2026-05": {"slow", "mid", "fast", "unknown"},
        "created:>2026-05": set(),
    }.items():
        assert await crate.found(text) == expected, text


async def test_a_word_that_names_a_class_also_finds_that_class(crate: Crate) -> None:
    await crate.add("Snare 1")
    await crate.add("hit 2", sound_class="snare", class_confidence=0.8)
    await crate.add("snare 3", sound_class="snare", class_confidence=0.8)
    await crate.add("hit 4", sound_class="kick", class_confidence=0.8)
    assert (await crate.names("snare"))[0] == "snare 3"
    assert await crate.found("snare") == {"Snare 1", "hit 2", "snare 3"}
    assert await crate.found("-snare") == {"hit 4"}
    assert await crate.found('"snare"') == {"Snare 1", "snare 3"}
    assert await crate.found("snare hit") == {"hit 2"}


async def test_groups_find_what_any_of_their_alternatives_finds(crate: Crate) -> None:
    await crate.add("a kick", ("vinyl",), sound_class="kick", class_confidence=0.9, duration=0.2)
    await crate.add("b snare", sound_class="snare", class_confidence=0.9, duration=2.0)
    await crate.add("c hat", ("vinyl",), sound_class="closed_hat", rating=5)
    await crate.add("d", kind="track", favourite=True)
    for text, expected in {
        "(class:kick or class:snare)": {"a kick", "b snare"},
        "(kick or tag:vinyl)": {"a kick", "c hat"},
        "(kick or tag:vinyl) -kick": {"c hat"},
        "-(kick or tag:vinyl)": {"b snare", "d"},
        "-(kick tag:vinyl)": {"b snare", "c hat", "d"},
        "(class:kick len:<1 or class:snare len:<1)": {"a kick"},
        "(is:favourite or (rating:5 tag:vinyl))": {"c hat", "d"},
        "-(-(class:kick or class:snare) or len:>1)": {"a kick"},
        "(class:kick or class:snare) (tag:vinyl or len:>1)": {"a kick", "b snare"},
        "(class:kick or class:snare) class:snare": {"b snare"},
        "(zzz or yyy)": set(),
    }.items():
        assert await crate.found(text) == expected, text
    # Words in a group count for the order, and a facet ignores its own field outside of groups.
    assert (await crate.names("(snare or kick) tag:vinyl"))[0] == "a kick"
    result = await crate.search("(tag:vinyl or snare) class:kick", counts=True)
    assert result.facets is not None
    assert {c.value: c.count for c in result.facets.classes} == {
        "kick": 1,
        "snare": 1,
        "closed_hat": 1,
    }
    assert result.query == "class:kick (tag:vinyl or snare)"
    assert [part.field for part in result.understood] == ["groups", "classes"]


async def test_what_was_cut_from_a_song(crate: Crate) -> None:
    song = await crate.add("Evening Star", kind="track")
    stem = await crate.add("drums", kind="stem", parent=song)
    await crate.add("hit", parent=stem)
    await crate.add("evening kick")
    for text, expected in {
        "from:evening": {"drums", "hit"},
        'from:"evening star" kind:stem': {"drums"},
        f"from:{song}": {"drums", "hit"},
        f"from:{stem}": {"hit"},
        "from:morning": set(),
    }.items():
        assert await crate.found(text) == expected, text
    (hit,) = (await crate.search("hit")).items
    assert (hit.song, hit.item.lineage is not None) == (song, True)


async def test_sorting(crate: Crate) -> None:
    for name, bpm in (("b", 90.0), ("Ä", None), ("c", 80.0), ("a", 90.0)):
        await crate.add(name, bpm=bpm)
    for text, expected in {
        "": ["a", "c", "Ä", "b"],
        "sort:created": ["b", "Ä", "c", "a"],
        "sort:name": ["Ä", "a", "b", "c"],
        "sort:-name": ["c", "b", "a", "Ä"],
        "sort:bpm": ["c", "a", "b", "Ä"],
        "sort:-bpm": ["a", "b", "c", "Ä"],
    }.items():
        assert await crate.names(text) == expected, text


@pytest.mark.parametrize(
    "text", ["", "thing", "sort:name", "sort:-name thing", "sort:bpm", "sort:-bpm", "sort:duration"]
)
async def test_pages_by_cursor_hold_every_row_once_while_items_come(
    crate: Crate, text: str
) -> None:
    rng = random.Random(7)
    before = set()
    for n in range(30):
        bpm = rng.choice((None, 90.0, 100.5))
        before.add(await crate.add(f"{rng.choice('abc')} thing", bpm=bpm, duration=float(n % 4)))
    rows: list[str] = []
    cursor = None
    while True:
        result = await crate.search(text, limit=7, cursor=cursor)
        rows += [hit.item.id for hit in result.items]
        cursor = result.next
        if cursor is None:
            break
        await crate.add("b thing", bpm=100.5)
    assert len(rows) == len(set(rows))
    assert before <= set(rows)


async def test_a_cursor_of_another_order_is_refused(crate: Crate) -> None:
    for name in "abc":
        await crate.add(name)
    cursor = (await crate.search("sort:name", limit=1)).next
    assert (await crate.search("sort:name", limit=1, cursor=cursor)).items[0].item.name == "b"
    for text in ("", "sort:-name", "sort:bpm"):
        with pytest.raises(ProblemError, match="Invalid cursor"):
            await crate.search(text, cursor=cursor)
    with pytest.raises(ProblemError, match="at most 16 words"):
        await crate.search("a b c d e f g h i j k l m n o p q")


async def test_a_snapshot_keeps_its_rows_and_is_opened_again(crates: Crates) -> None:
    crate, stranger = crates(), crates()
    ids = [await crate.add(f"thing {n}") for n in range(20)]
    first = await crate.search("thing sort:created", limit=5)
    await crate.add("thing 20")
    later = await crate.search("thing sort:created", limit=5, offset=15, snapshot=first.snapshot)
    assert later.snapshot == first.snapshot
    assert [hit.item.id for hit in later.items] == ids[15:20]
    assert (later.total, later.offset) == (20, 15)
    for other in ("nosuch", first.snapshot):
        text = "thing sort:created" if other == "nosuch" else "sort:created"
        again = await crate.search(text, limit=5, offset=20, snapshot=other)
        assert again.snapshot != other
        assert [hit.item.name for hit in again.items] == ["thing 20"]
    foreign = await stranger.search("thing sort:created", snapshot=first.snapshot)
    assert (foreign.total, foreign.items) == (0, ())
    assert (await crate.search("thing", offset=1000)).items == ()


async def test_changes_are_seen_by_the_next_search(crate: Crate) -> None:
    item = await crate.add("before")
    assert await crate.names("before") == ["before"]
    async with crate.database.transaction() as session:
        row = await session.get_one(tables.ItemRow, item)
        row.name = "after"
        await session.flush()
        await index_items(session, crate.owner, [row.id])
    assert await crate.names("before") == []
    assert await crate.names("after") == ["after"]
    await crate.describe(item, ("warm",), bpm=99.0)
    assert await crate.names("tag:warm bpm:99") == ["after"]
    async with crate.database.transaction() as session:
        await remove_items(session, crate.owner, [item])
    assert await crate.names("") == []
    assert await crate.names("after sort:name") == []
    facets = (await crate.search("", counts=True)).facets
    assert facets is not None
    assert facets.tags == ()


async def test_a_change_that_is_undone_is_never_seen(crate: Crate) -> None:
    async def fail() -> None:
        async with crate.database.transaction() as session:
            row = crate.item("undone")
            session.add(row)
            await session.flush()
            await index_items(session, crate.owner, [row.id])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await crate.names("") == []
    await crate.add("done")
    assert await crate.names("") == ["done"]


async def test_owners_find_only_their_own(crates: Crates) -> None:
    mine, other = crates(), crates()
    for n in range(3):
        await mine.add(f"kick {n}", ("vinyl",), sound_class="kick")
    await other.add("kick")
    assert len(await mine.names("kick tag:vinyl")) == 3
    result: SearchResult = await other.search("kick", counts=True)
    assert result.total == 1
    assert result.facets is not None
    assert result.facets.tags == ()
    assert await other.names(f"\ue000{mine.owner.replace('-', '')}") == []


async def test_items_of_a_deletion_under_way_are_not_found(crate: Crate) -> None:
    song = await crate.add("song", kind="track")
    stem = await crate.add("stem", kind="stem", parent=song)
    await crate.add("hit", parent=stem)
    await crate.add("other")
    opened = await crate.search("", limit=1)
    async with crate.database.transaction() as session:
        session.add(tables.DeletionRow(id=stem, owner=crate.owner, item=stem, created=NOON))
    assert await crate.found("") == {"song", "other"}
    left = await crate.search("", snapshot=opened.snapshot)
    assert {hit.item.name for hit in left.items} == {"song", "other"}


async def test_many_items_take_few_statements(crate: Crate) -> None:
    song = await crate.add("song", kind="track")
    rows = [crate.item(f"slice {n}", parent=song) for n in range(400)]
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    async with crate.database.transaction() as session:
        session.add_all(rows)
        await session.flush()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            await index_items(session, crate.owner, [row.id for row in rows])
        finally:
            event.remove(Engine, "before_cursor_execute", note)
    assert len(sent) <= 10, sent
    result = await crate.search("slice", limit=1)
    assert result.total == 400
    assert MAX_RANKED > 400
