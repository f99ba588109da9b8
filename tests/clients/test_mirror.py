"""`cratedig sync`: what a folder is changed by, and what it keeps."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pytest

from cratedig import Client, CratedigError, types
from cratedig.cli.mirror import STATE, Mirror, MirrorFile, layout

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class _Artifacts:
    """Saves the bytes of an artifact: its id."""

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.broken = False

    def save(self, file: types.Artifact, path: Path) -> Path:
        if self.broken:
            raise CratedigError("the server is away")
        self.saved.append(file.id)
        path.write_bytes(file.id.encode())
        return path


class _Client:
    def __init__(self) -> None:
        self.artifacts = _Artifacts()


def mirror_file(
    name: str, item: str = "", *, folder: str = "Kicks", kind: str = "original"
) -> MirrorFile:
    item = item or f"item of {name}"
    data = f"file of {item}".encode()
    facts: dict[str, Any] = {
        "id": item, "kind": "sample", "state": "ready", "name": name, "metadata": {},
        "created": NOW, "updated": NOW,
    }  # fmt: skip
    file = types.Artifact(
        id=data.decode(), subject=types.Subject(kind="item", id=item), job=None, kind=kind,
        name="canonical.flac", media_type="audio/flac", size=len(data),
        sha256=hashlib.sha256(data).hexdigest(), created=NOW,
    )  # fmt: skip
    return MirrorFile(PurePosixPath(folder), types.Item(**facts), file)


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != STATE
    }


@pytest.fixture
def client() -> Client:
    return cast(Client, _Client())


def changes(mirror: Mirror, client: Client, *target: MirrorFile) -> list[tuple[str, str]]:
    done = mirror.bring_up_to_date(client, target)
    return [(change.what, change.path) for change in done]


def test_files_are_added_renamed_and_removed(tmp_path: Path, client: Client) -> None:
    mirror = Mirror(tmp_path)
    a, b = mirror_file("a.wav"), mirror_file("b.wav")
    assert changes(mirror, client, a, b) == [("added", "Kicks/a.wav"), ("added", "Kicks/b.wav")]
    assert changes(mirror, client, a, b) == []
    renamed = mirror_file("Dusty: a?.wav", a.item.id, folder="Drums/Kicks")
    # A new process goes on from what was written.
    assert changes(Mirror(tmp_path), client, renamed) == [
        ("renamed", "Drums/Kicks/Dusty_ a_.wav"),
        ("removed", "Kicks/b.wav"),
    ]
    assert files(tmp_path) == {"Drums/Kicks/Dusty_ a_.wav"}
    assert not (tmp_path / "Kicks").exists()
    assert len(cast(Any, client).artifacts.saved) == 2


def test_files_of_the_user_are_kept(tmp_path: Path, client: Client) -> None:
    (tmp_path / "Kicks").mkdir()
    (tmp_path / "Kicks" / "a.wav").write_text("mine")
    mirror = Mirror(tmp_path)
    a, b = mirror_file("a.wav"), mirror_file("b.wav")
    assert changes(mirror, client, a, b) == [("kept", "Kicks/a.wav"), ("added", "Kicks/b.wav")]
    (tmp_path / "Kicks" / "b.wav").write_text("changed by me")
    assert changes(mirror, client, a, b) == [("kept", "Kicks/a.wav")]
    assert changes(mirror, client) == [("kept", "Kicks/b.wav")]
    assert changes(mirror, client) == []
    assert (tmp_path / "Kicks" / "a.wav").read_text() == "mine"
    assert (tmp_path / "Kicks" / "b.wav").read_text() == "changed by me"


def test_a_file_that_the_user_deleted_comes_back(tmp_path: Path, client: Client) -> None:
    mirror = Mirror(tmp_path)
    changes(mirror, client, mirror_file("a.wav"))
    (tmp_path / "Kicks" / "a.wav").unlink()
    assert changes(mirror, client, mirror_file("a.wav")) == [("added", "Kicks/a.wav")]


def test_names_that_differ_only_in_case_and_links(tmp_path: Path, client: Client) -> None:
    mirror = Mirror(tmp_path)
    changes(mirror, client, mirror_file("A.wav", "1"), mirror_file("a.wav", "item-2-0123456789"))
    assert files(tmp_path) == {"Kicks/A.wav", "Kicks/a (23456789).wav"}
    outside = tmp_path.with_name("outside.wav")
    outside.write_text("mine")
    (tmp_path / "Kicks" / "A.wav").unlink()
    (tmp_path / "Kicks" / "A.wav").symlink_to(outside)
    assert ("kept", "Kicks/A.wav") in changes(mirror, client)
    assert outside.read_text() == "mine"


def test_a_download_that_fails_is_left_for_the_next_pass(tmp_path: Path, client: Client) -> None:
    mirror = Mirror(tmp_path)
    cast(Any, client).artifacts.broken = True
    assert changes(mirror, client, mirror_file("a.wav")) == [("failed", "Kicks/a.wav")]
    cast(Any, client).artifacts.broken = False
    assert changes(mirror, client, mirror_file("a.wav", kind="canonical")) == [
        ("added", "Kicks/a.flac")
    ]


@pytest.mark.parametrize("content", ["{", "[]", '{"files": {"a": {}}}'])
def test_a_damaged_memory_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / STATE).write_text(content)
    with pytest.raises(CratedigError, match="damaged"):
        Mirror(tmp_path)
    assert json.dumps(content)


def test_folders_follow_the_nesting_of_collections() -> None:
    def collection(id_: str, name: str, parent: str | None = None) -> types.Collection:
        return types.Collection(
            id=id_, kind="collection", name=name, note="", parent=parent, items=1, role="owner",
            created=NOW, updated=NOW,
        )  # fmt: skip

    own = [
        collection("1", "Drums"),
        collection("2", "Kicks/old", "1"),
        collection("id-3-01234567", "drums"),
        collection("4", "Loop", "4"),
    ]
    shown = {each.id: str(path) for each, path in layout(own, own)}
    assert shown["1"] == "Drums"
    assert shown["2"] == "Drums/Kicks_old"
    assert shown["4"] == "Loop"
    assert shown["id-3-01234567"] == "drums (01234567)"
