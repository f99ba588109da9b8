"""Imports of packs as their users meet them."""

from pathlib import Path
from typing import Any

from contracts.items import ItemKind
from contracts.jobs import TaskName
from contracts.objects import Bucket
from kit.objects.files import FileStore
from tests.library.catalogue import Catalogue, User, open_catalogue
from tests.library.imports.zips import CC0, bundle, zipped

KICK, SNARE = b"RIFF kick" * 100, b"RIFF snare" * 100


async def finish(catalogue: Catalogue) -> None:
    """Make steps until no import is due."""
    while await catalogue.importer.act():
        pass


async def send_pack(user: User, archive: bytes, name: str = "Pack.zip", **fields: Any) -> Any:
    upload = await user.open(archive, name=name)
    await user.send(upload, archive)
    return await user.post("/imports", {"provider": "pack", "reference": upload["id"], **fields})


async def outcomes(user: User, import_: Any) -> dict[str, str]:
    page = await user.get(f"/imports/{import_['id']}/files")
    return {file["name"]: file["state"] for file in page["items"]}


async def test_a_pack_becomes_items_in_a_collection(catalogue: Catalogue) -> None:
    user, stranger = catalogue.user(), catalogue.user()
    await user.upload(SNARE, name="mine.wav")
    archive = zipped(
        {
            "Dust/Drums/Kick_90bpm.wav": KICK,
            "Dust/Drums/Snare.wav": SNARE,
            "Dust/../../Escape.wav": KICK,
            "Dust/cover.jpg": b"\xff\xd8",
            "Dust/LICENSE.txt": CC0,
        }
    )
    created = await send_pack(user, archive, tags=["bought"], kind="sample")
    assert (created["state"], created["files"]["total"]) == ("queued", 0)
    await finish(catalogue)
    done = await user.get(f"/imports/{created['id']}")
    assert (done["state"], done["title"]) == ("finished", "Dust")
    assert done["files"] == {
        "total": 5, "waiting": 0, "added": 1, "duplicate": 1, "refused": 1, "skipped": 2
    }  # fmt: skip
    held = (await user.get(f"/collections/{done['collection']}/items"))["items"]
    assert {member["item"]["name"] for member in held} == {"Kick_90bpm.wav", "mine.wav"}
    kick = next(m["item"] for m in held if m["item"]["name"] == "Kick_90bpm.wav")
    assert {tag["name"] for tag in kick["tags"]} == {"bought", "Drums"}
    assert kick["metadata"]["licence"] == "CC0-1.0"
    assert (await user.get(f"/collections/{done['collection']}"))["note"] == CC0
    clearance = (await user.get(f"/collections/{done['collection']}/clearance"))["items"]
    assert "CC0-1.0" in {row["licence"] for row in clearance}
    # What ingest rejects is refused, and the import tells why.
    await catalogue.ingest_next(kind=ItemKind.SAMPLE)
    await catalogue.reject(await catalogue.claim(TaskName.INGEST), "This is no sound.")
    page = await user.get(f"/imports/{created['id']}/files", state="refused")
    assert {file["name"]: file["reason"] for file in page["items"]} == {
        "Dust/../../Escape.wav": "Its name leaves the archive: absolute names, drives and `..` are "
        "not imported.",
        "Dust/Drums/Kick_90bpm.wav": "This is no sound.",
    }
    # The archive is gone, and nobody is charged for it.
    assert (await user.get("/usage"))["uploads"] == 0
    for path in ("", "/files", "/cancel"):
        method = stranger.http.post if path == "/cancel" else stranger.http.get
        assert (await method(f"/v1/imports/{created['id']}{path}")).status_code == 404
    assert (await stranger.get("/imports"))["items"] == []


async def test_a_bundle_comes_back_with_names_tags_tempo_and_rights(catalogue: Catalogue) -> None:
    user = catalogue.user()
    facts = {"name": "Dusty kick", "kind": "sample", "bpm": 90.5, "tags": ["Dusty"]}
    rights = {"licence": "CC-BY-4.0", "artist": "Ann"}
    archive = bundle("Crate", {"kick/1.wav": (KICK, {"facts": facts, "rights": rights})})
    created = await send_pack(user, archive)
    await finish(catalogue)
    done = await user.get(f"/imports/{created['id']}")
    collection = await user.get(f"/collections/{done['collection']}")
    assert (collection["name"], collection["items"]) == ("Crate", 1)
    (member,) = (await user.get(f"/collections/{done['collection']}/items"))["items"]
    item = member["item"]
    assert (item["name"], item["bpm"], item["kind"]) == ("Dusty kick", 90.5, "sample")
    assert [tag["name"] for tag in item["tags"]] == ["Dusty"]
    assert item["metadata"] == {"pack": "Crate", "licence": "CC-BY-4.0", "artist": "Ann"}


async def test_packs_that_cannot_be_read_fail_with_the_reason(catalogue: Catalogue) -> None:
    user = catalogue.user()
    created = await send_pack(user, b"RIFF no archive" * 10)
    await finish(catalogue)
    done = await user.get(f"/imports/{created['id']}")
    assert done["state"] == "failed"
    assert "no ZIP archive" in done["failure"]
    assert (await user.get("/usage"))["total"] == 0


async def test_requests_that_are_refused(catalogue: Catalogue) -> None:
    user = catalogue.user()
    archive = zipped({"a.wav": KICK})
    opened = await user.open(archive, name="a.zip")
    for body, status in (
        ({"provider": "pack", "reference": opened["id"]}, 409),
        ({"provider": "pack", "reference": "nothing"}, 404),
        ({"provider": "nosuch", "reference": "x"}, 422),
        ({"provider": "http", "reference": "ftp://example.org/a.wav"}, 422),
        ({"provider": "http", "reference": "https://user@example.org/a.wav"}, 422),
        ({"provider": "freesound", "reference": "123"}, 422),
    ):
        answer = await user.http.post("/v1/imports", json=body)
        assert answer.status_code == status, (body, answer.text)
    await user.send(opened, archive)
    body = {"provider": "pack", "reference": opened["id"]}
    first = await user.post("/imports", body, key="k")
    assert (await user.http.post("/v1/imports", json=body)).status_code == 409
    assert (await user.post("/imports", body, key="k"))["id"] == first["id"]
    await finish(catalogue)
    assert (await user.post("/imports", body, key="k"))["state"] == "finished"


async def test_a_cancelled_import_makes_no_more_items(catalogue: Catalogue) -> None:
    user = catalogue.user()
    created = await send_pack(user, zipped({"a.wav": KICK}))
    for _ in range(2):
        cancelled = await user.post(f"/imports/{created['id']}/cancel")
        assert cancelled["state"] == "cancelled"
    await finish(catalogue)
    assert (await user.get("/items"))["items"] == []
    assert (await user.get("/usage"))["total"] == 0


class Killed(BaseException):
    """The process ends while it stores a file."""


class KillingStore(FileStore):
    """Is killed before the second file that it stores, and before the fourth."""

    stored = 0

    async def put_file(self, bucket: Bucket, key: str, path: Path, *, media_type: str) -> None:
        self.stored += 1
        if self.stored in (2, 4):
            raise Killed
        await super().put_file(bucket, key, path, media_type=media_type)


async def test_a_killed_import_goes_on_where_it_was(library_url: str, tmp_path: Path) -> None:
    async with open_catalogue(library_url, tmp_path, store=KillingStore) as catalogue:
        user = catalogue.user()
        files = {f"{n}.wav": KICK + bytes([n]) for n in range(3)}
        created = await send_pack(user, zipped(files))
        kills = 0
        while True:
            try:
                if not await catalogue.importer.act():
                    break
            except Killed:
                kills += 1
        assert kills == 2
        assert (await user.get(f"/imports/{created['id']}"))["files"]["added"] == 3
        assert len((await user.get("/items"))["items"]) == 3
        # The archive itself is deleted by the cleanup.
        originals = catalogue.objects.walk(Bucket.ORIGINALS, user.owner)
        assert len([facts async for facts in originals]) == 4
