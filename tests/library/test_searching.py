"""What a search, and the text that it reads, may cost the server."""

import asyncio

import pytest
from sqlalchemy import select
from sqlmodel import col

from contracts.ingest import CANONICAL
from contracts.items import METADATA_BYTES, ItemKind, metadata_size
from contracts.jobs import TaskName
from kit.http.errors import ProblemError
from services.library.catalogue.artifacts import SEARCHED, fold, search_text
from services.library.catalogue.search_limits import LONGEST, MAX_WORDS, WAITING, Turns, words_of
from services.library.catalogue.tables import ItemRow
from tests.library.catalogue import CANONICAL_FILE, Catalogue, ingested

GROWING = "\ufdfa"
"""One character that is written out as 18, three spaces among them."""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\ufb03" * 190, f"at most {LONGEST} characters"),
        (" ".join("abcdefghi"), f"at most {MAX_WORDS} words; this one has 9"),
    ],
)
def test_a_search_is_bounded_as_it_is_compared(text: str, message: str) -> None:
    assert len(text) <= LONGEST
    with pytest.raises(ProblemError, match=message) as caught:
        words_of(text)
    assert caught.value.code.status == 422
    assert caught.value.fields[0].field == "query.q"


def test_a_search_of_many_equal_words_is_one_of_one() -> None:
    assert words_of("Blå blå BLA " * 16) == ("bla",)
    # Each writes four words, which run into those of the next.
    assert len(words_of(GROWING * LONGEST)) == 5
    assert words_of(GROWING) == tuple(dict.fromkeys(fold(GROWING).split()))


def test_the_text_of_an_item_is_cut_after_it_was_written_out() -> None:
    labels = {str(n): GROWING * 1990 for n in range(64)}
    assert len(search_text("name", labels)) <= SEARCHED
    assert search_text("Ünder", {"a": "Ÿ"}) == "under y"
    # What stands first is what is kept.
    assert search_text("x" * 255, labels).startswith("x" * 255)


async def test_a_search_that_costs_too_much_is_refused_with_words(catalogue: Catalogue) -> None:
    user = catalogue.user()
    answer = await user.http.get("/v1/items", params={"q": "\ufb03" * 190})
    assert answer.status_code == 422
    assert "Search for fewer words" in answer.json()["detail"]


async def test_metadata_is_bounded_as_a_whole(catalogue: Catalogue) -> None:
    user = catalogue.user()
    song = await user.track()
    fits = {str(n): "é" * 200 for n in range(64)}
    answer = await user.http.patch(f"/v1/items/{song}", json={"metadata": fits})
    assert answer.status_code == 200
    large = {str(n): "é" * 1990 for n in range(64)}
    for request in (
        user.http.patch(f"/v1/items/{song}", json={"metadata": large}),
        user.http.post(
            "/v1/uploads", json={"name": "a", "size": 1, "sha256": "0" * 64, "metadata": large}
        ),
    ):
        answer = await request
        assert answer.status_code == 422
        (problem,) = answer.json()["fields"]
        assert str(METADATA_BYTES) in problem["message"]
        assert "metadata" in problem["field"]


async def test_what_a_file_says_of_itself_takes_the_room_that_is_left(catalogue: Catalogue) -> None:
    user = catalogue.user()
    mine = {f"mine {n}": "m" * 2000 for n in range(10)}
    done = await user.upload(b"a" * 3000, metadata=mine)
    tags = {f"t{n:02d}": "\u0e01" * 2000 for n in range(60)} | {"zz": "short"}
    await _ingest(catalogue, tags)
    shown = (await user.get(f"/items/{done['item']}"))["metadata"]
    assert metadata_size(shown) <= METADATA_BYTES
    assert mine.items() <= shown.items()
    assert shown["zz"] == "short"
    async with catalogue.database.session() as session:
        query = select(col(ItemRow.search)).where(col(ItemRow.id) == done["item"])
        assert len((await session.execute(query)).scalar_one()) <= SEARCHED


async def test_the_owners_metadata_is_never_pushed_out_by_a_files_tags(
    catalogue: Catalogue,
) -> None:
    user = catalogue.user()
    done = await user.upload(b"a" * 3000, metadata={f"m{n}": "mine" for n in range(40)})
    await _ingest(catalogue, {f"t{n}": "the file's" for n in range(40)})
    shown = (await user.get(f"/items/{done['item']}"))["metadata"]
    assert len(shown) == 64
    assert sum(value == "mine" for value in shown.values()) == 40


async def _ingest(catalogue: Catalogue, tags: dict[str, str]) -> None:
    claim = await catalogue.claim(TaskName.INGEST)
    await catalogue.finish(claim, ingested(ItemKind.TRACK, tags), {CANONICAL: CANONICAL_FILE})


async def test_an_owner_searches_once_at_a_time(catalogue: Catalogue) -> None:
    user, other = catalogue.user(), catalogue.user()
    await user.upload(b"one", name="found.wav")
    answers = await asyncio.gather(
        *(user.http.get("/v1/items", params={"q": "found"}) for _ in range(WAITING + 6)),
        other.http.get("/v1/items", params={"q": "found"}),
    )
    codes = [answer.status_code for answer in answers]
    assert codes[-1] == 200
    assert sorted(set(codes)) == [200, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert "one after the other" in refused.json()["detail"]
    assert (await user.http.get("/v1/items", params={"q": "found"})).status_code == 200


async def test_turns_are_one_for_an_owner_and_a_few_for_all() -> None:
    turns = Turns(2, wait=0.01)
    inside: list[str] = []
    both, go = asyncio.Event(), asyncio.Event()

    async def search(owner: str) -> None:
        async with turns.of(owner):
            inside.append(owner)
            if len(inside) == 2:
                both.set()
            await go.wait()

    begun = [asyncio.create_task(search(owner)) for owner in ("a", "a", "b")]
    await both.wait()
    assert sorted(inside) == ["a", "b"]
    with pytest.raises(ProblemError, match="Too many people") as caught:
        async with turns.of("c"):
            pass
    assert caught.value.code.status == 503
    assert caught.value.retry_after
    go.set()
    await asyncio.gather(*begun)
    assert sorted(inside) == ["a", "a", "b"]
