"""Names, uploads and other things that people meet at the command line."""

import json
import unicodedata
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cratedig.credentials import save
from tests.support.running_server import RunningServer
from tests.support.sounds import write_tone
from tests.system.shell import Shell, shell_of

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def shell(server: RunningServer, tmp_path: Path) -> Shell:
    return shell_of(server, tmp_path)


def test_two_items_of_one_name_keep_their_files(shell: Shell) -> None:
    items = [
        shell.tone(f"{folder}/same name.wav", frequency=410.0 + i) for i, folder in enumerate("ab")
    ]
    for order in (items, items[::-1], items):
        shell.json("get", *order, "-o", "out", "--kind", "original")
    sent = {(shell.folder / folder / "same name.wav").read_bytes() for folder in "ab"}
    got = [path.read_bytes() for path in (shell.folder / "out").rglob("same name.wav")]
    assert len(got) == 2
    assert set(got) == sent
    # By its name neither can be meant; the answer says which there are.
    done = shell("get", "same name")
    assert done.returncode == 4
    assert all(item in done.stderr for item in items)


@pytest.mark.parametrize("start", ["曲" * 83, "é" * 125, "x" * 200, "👩\u200d👧" * 22])
def test_a_long_name_is_fetched_with_its_suffix(shell: Shell, start: str) -> None:
    item = shell.tone(f"{start}.wav", frequency=500.0 + len(start))
    shell.json("get", item, "-o", "out")
    (original,) = [p for p in (shell.folder / "out").rglob("*.wav") if p.is_file()]
    assert original.read_bytes() == (shell.folder / f"{start}.wav").read_bytes()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Zürich Żółć.wav", "Zürich Żółć", "ZÜRICH żółć"])
def test_a_name_is_found_however_it_is_typed(shell: Shell, name: str, form: Any) -> None:
    item = shell.tone(unicodedata.normalize("NFD", "Zürich Żółć.wav"), frequency=620.0)
    assert shell.json("show", unicodedata.normalize(form, name))["id"] == item


def test_a_song_comes_before_its_stems(shell: Shell) -> None:
    song = shell.tone("plain.wav", frequency=700.0, kind="track")
    (run,) = shell.json("run", "stems", "plain")
    assert run["state"] == "succeeded"
    cut = list(shell.user.items.list(roots=False))
    assert {entry.name for entry in cut} == {"plain – vocals", "plain – accompaniment"}
    shell.user.items.update(cut[0].id, name="plain.wav")
    assert shell.json("show", "plain.wav")["id"] == song
    assert [entry["id"] for entry in shell.json("ls")] == [song]
    (step,) = run["steps"]
    got = shell.json("get", song, "--run", run["id"], "--stem", "vocals", "-o", "out")
    assert [entry["job"] for entry in got] == step["jobs"]
    assert [Path(entry["path"]).parts for entry in got] == [
        ("out", "plain", "stems", "vocals.flac")
    ]


def test_a_drum_track_is_taken_as_one(shell: Shell) -> None:
    write_tone(shell.folder / "beat.wav", seconds=2.0, frequency=111.0)
    (item,) = shell.json("upload", "beat.wav", "--stem", "drums")
    assert (item["stem"], item["kind"]) == ("drums", "stem")
    (run,) = shell.json("run", "drums", "beat", "--no-wait", "--priority", "batch")
    assert [step["name"] for step in run["steps"]] == [
        "analysis",
        "slicing",
        "tagging",
        "drum-midi",
    ]
    other = shell.tone("other.wav", frequency=119.0, kind="track")
    refused = shell("run", "drums", other)
    assert refused.returncode == 5
    assert "cratedig edit ITEM --stem drums" in refused.stderr
    shell.json("edit", other, "--stem", "drums")
    assert shell("run", "drums", other, "--no-wait").returncode == 0


def test_a_samples_tags_come_with_its_upload(shell: Shell) -> None:
    write_tone(shell.folder / "hit.wav", seconds=1.0, frequency=90.0)
    (item,) = shell.json("upload", "hit.wav", "--kind", "sample")
    assert item["tagging"]["state"] in ("succeeded", "skipped")
    assert item["tagging"]["subject"]["id"] == item["id"]


def test_invitations_and_keys_are_listed_until_they_are_revoked(
    server: RunningServer, shell: Shell, tmp_path: Path
) -> None:
    assert server.administrator is not None
    folder = tmp_path / "administrator"
    folder.mkdir()
    save(server.administrator.credentials, folder / "credentials.json")
    for group, user in (
        ("invitations", Shell(server.administrator, folder, server.url)),
        ("keys", shell),
    ):
        created = user.json(group, "create", "for a test")
        assert created["id"] in {entry["id"] for entry in user.json(group, "list")}
        assert created["id"] in user(group, "list").stdout
        assert user(group, "revoke", created["id"]).stdout == f"{created['id']}  revoked\n"
        assert created["id"] not in {entry["id"] for entry in user.json(group, "list")}
    refused = shell("invitations", "list", "--json")
    assert (refused.returncode, json.loads(refused.stderr)["error"]) == (5, "forbidden")


def test_a_saved_pipeline_is_replaced_by_its_name(shell: Shell) -> None:
    path = shell.folder / "mine.json"
    spec = {"name": "mine", "title": "One", "steps": [{"name": "midi", "task": "midi"}]}
    for title in ("One", "Two"):
        path.write_text(json.dumps({**spec, "title": title}), encoding="utf-8")
        assert shell.json("pipelines", "save", path.name)["spec"]["title"] == title
    shown = shell("pipelines", "show", "mine").stdout
    path.write_text(shown, encoding="utf-8")
    assert shell("pipelines", "save", path.name).stdout == "mine  saved\n"
    for command in ("show", "delete"):
        assert shell("pipelines", command, "mine").returncode == 0
    assert shell("pipelines", "show", "mine").returncode == 4


def test_metadata_is_changed_by_its_name_and_the_rest_stays(shell: Shell) -> None:
    item = shell.tone("tagged.wav", frequency=810.0, metadata={"artist": "Ann", "album": "One"})
    changed = shell.json("edit", item, "-m", "artist=", "-m", "year=1999")
    assert changed["metadata"] == {"album": "One", "year": "1999"}


def test_the_version_is_that_of_the_package(shell: Shell) -> None:
    assert shell("--version").stdout.strip() == version("cratedig")
