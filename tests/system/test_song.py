"""A song through the server, as a user of the library sees it."""

import hashlib
import json
import secrets
from pathlib import Path

import httpx
import pytest

from cratedig import (
    APIStatusError,
    AuthenticationError,
    Client,
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
)
from cratedig.types import Upload
from tests.support.running_server import ROOT, RunningServer
from tests.support.sounds import write_tone

pytestmark = pytest.mark.timeout(180)

SONG = ROOT / "examples" / "song" / "song.flac"
TRUTH = json.loads((SONG.parent / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def user(server: RunningServer) -> Client:
    return server.user()


@pytest.fixture(scope="module")
def item(user: Client) -> str:
    sent = user.uploads.file(SONG, kind="track", metadata={"artist": "The RunningServer"})
    assert sent.item is not None
    assert sent.job is not None
    user.jobs.wait(sent.job)
    return sent.item


def test_an_uploaded_song_becomes_ready_with_its_facts(user: Client, item: str) -> None:
    song = user.items.get(item)
    assert (song.state, song.kind, song.name) == ("ready", "track", "song.flac")
    assert song.audio is not None
    assert (song.audio.sample_rate, song.audio.channels) == (44_100, 2)
    assert song.audio.samples == TRUTH["samples"]
    assert song.metadata["artist"] == "The RunningServer"


def test_the_original_stays_byte_identical(user: Client, item: str, tmp_path: Path) -> None:
    (original,) = [a for a in user.artifacts.list(item) if a.kind == "original"]
    fetched = user.artifacts.save(original, tmp_path / "original")
    assert fetched.read_bytes() == SONG.read_bytes()


def test_the_same_bytes_give_the_same_item(user: Client, item: str, tmp_path: Path) -> None:
    again = tmp_path / "another name.flac"
    again.write_bytes(SONG.read_bytes())
    sent = user.uploads.file(again)
    assert sent.item == item
    assert sent.duplicate


def test_a_pipeline_makes_midi_of_the_song(user: Client, item: str, tmp_path: Path) -> None:
    run = user.runs.wait(user.runs.create(item, "midi").id)
    assert run.state == "succeeded", run
    (midi,) = [a for a in user.artifacts.list(item) if a.kind == "midi"]
    data = user.artifacts.save(midi, tmp_path / midi.name).read_bytes()
    assert data.startswith(b"MThd")
    notes = [a for a in user.artifacts.list(item) if a.kind == "notes" and a.name.endswith(".json")]
    assert len(notes) == 1


def test_asking_again_reuses_the_result(user: Client, item: str) -> None:
    first = user.jobs.wait(user.jobs.create(item, "midi").id)
    second = user.jobs.create(item, "midi")
    assert second.id == first.id
    assert second.state == "succeeded"
    forced = user.jobs.wait(user.jobs.create(item, "midi", force=True).id)
    assert forced.id != first.id


def test_a_signed_address_answers_ranges(user: Client, server: RunningServer, item: str) -> None:
    (original,) = [a for a in user.artifacts.list(item) if a.kind == "original"]
    url = user.artifacts.url(original.id).url
    part = httpx.get(url, headers={"Range": "bytes=4-11"})
    assert part.status_code == 206
    assert part.content == SONG.read_bytes()[4:12]
    assert part.headers["Content-Disposition"].startswith("attachment")


def test_another_user_sees_nothing_of_it(server: RunningServer, item: str) -> None:
    other = server.user("other")
    assert list(other.items.list()) == []
    unknown = "01920000-0000-7000-8000-000000000000"
    with pytest.raises(NotFoundError) as foreign:
        other.items.get(item)
    with pytest.raises(NotFoundError) as missing:
        other.items.get(unknown)
    assert foreign.value.detail.replace(item, unknown) == missing.value.detail


def test_nobody_sees_anything(server: RunningServer, item: str) -> None:
    assert httpx.get(f"{server.url}/v1/items/{item}").status_code == 401
    with pytest.raises(AuthenticationError):
        server.client().items.get(item)


def test_what_is_not_sound_is_refused_with_a_reason(user: Client, tmp_path: Path) -> None:
    path = tmp_path / "holiday.wav"
    path.write_bytes(b"Dear diary, this is no music. " * 50)
    sent = user.uploads.file(path)
    assert sent.item is not None
    assert sent.job is not None
    with pytest.raises(JobFailedError):
        user.jobs.wait(sent.job)
    item = user.items.get(sent.item)
    assert item.state == "rejected"
    assert item.rejection


def test_wrong_parameters_are_refused_by_name(user: Client, item: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        user.jobs.create(item, "midi", params={"onset_threshold": 7})
    assert any("onset_threshold" in path for path, _ in error.value.fields)
    with pytest.raises(APIStatusError):
        user.jobs.create(item, "midi", params={"colour": "blue"})


def test_an_upload_goes_on_where_it_broke_off(user: Client, tmp_path: Path) -> None:
    path = tmp_path / "long.bin"
    path.write_bytes(secrets.token_bytes(40 << 20))
    begun: list[Upload] = []

    class Lost(Exception):
        pass

    def lose(done: int, total: int) -> None:
        if done > 0:
            raise Lost

    with pytest.raises(Lost):
        user.uploads.file(path, on_progress=lose, on_created=begun.append)
    interrupted = user.uploads.get(begun[0].id)
    assert interrupted.received
    assert interrupted.missing
    done = user.uploads.file(path, resume=begun[0].id)
    assert done.state == "completed"
    (original,) = [a for a in user.artifacts.list(str(done.item)) if a.kind == "original"]
    assert original.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_deleting_an_item_deletes_all_of_it(user: Client, tmp_path: Path) -> None:
    path = tmp_path / "gone.wav"
    write_tone(path, seconds=1.5, frequency=330.0)
    sent = user.uploads.file(path)
    assert sent.item is not None
    assert sent.job is not None
    user.jobs.wait(sent.job)
    files = list(user.artifacts.list(sent.item))
    assert files
    user.items.delete(sent.item)
    with pytest.raises(NotFoundError):
        user.items.get(sent.item)
    with pytest.raises(NotFoundError):
        user.artifacts.get(files[0].id)
    assert sent.item not in [item.id for item in user.items.list()]
