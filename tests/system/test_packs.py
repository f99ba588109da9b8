"""Packs that leave and come back, and a folder that follows collections, by the command line."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.running_server import RunningServer, eventually
from tests.system.shell import COMMAND, Shell, shell_of

pytestmark = pytest.mark.timeout(180)
FOLLOWED_WITHIN = 5.0
"""Seconds after which a change is in the folder."""


@pytest.fixture
def shell(server: RunningServer, tmp_path: Path) -> Shell:
    (tmp_path / "one").mkdir()
    return shell_of(server, tmp_path / "one")


def collected(shell: Shell, name: str) -> tuple[str, str]:
    """Return a tone with a tag and rights, and the collection that holds it."""
    item = shell.tone("Dusty kick.wav", frequency=61.0, kind="sample")
    changes = {"licence": "CC-BY-4.0", "artist": "Ann"}
    shell.user.items.update(item, bpm=90.5, metadata=changes)
    shell.user.tags.add(item, "Dusty")
    collection = shell.user.collections.create(name).id
    shell.user.collections.add(collection, [item])
    return item, collection


def test_a_pack_comes_back_as_it_left(shell: Shell, server: RunningServer, tmp_path: Path) -> None:
    collected(shell, "Dusty Drums")
    out = shell.json("pack", "out", "Dusty Drums", "-o", str(tmp_path))
    (tmp_path / "two").mkdir()
    friend = shell_of(server, tmp_path / "two")
    done = friend.json("pack", "in", out["path"])
    assert (done["state"], done["title"]) == ("finished", "Dusty Drums")
    # The manifest and the clearance sheet are no sounds.
    assert (done["files"]["added"], done["files"]["refused"]) == (1, 0)
    collection = friend.user.collections.get(done["collection"])
    assert (collection.name, collection.items) == ("Dusty Drums", 1)
    (member,) = friend.user.collections.items(collection.id)
    item = member.item
    assert (Path(item.name).stem, item.kind, item.bpm) == ("Dusty kick", "sample", 90.5)
    assert [tag.name for tag in item.tags] == ["Dusty"]
    assert (item.metadata["licence"], item.metadata["artist"]) == ("CC-BY-4.0", "Ann")
    # What is there already is told.
    again = friend.json("pack", "in", out["path"])
    assert (again["files"]["added"], again["files"]["duplicate"]) == (0, 1)


@contextmanager
def following(shell: Shell) -> Iterator[Path]:
    """Give a folder that the command keeps up to date."""
    process = subprocess.Popen(
        [str(COMMAND), "sync", "mirror"],
        cwd=shell.folder,
        env=shell.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert "Following" in process.stderr.readline()
        yield shell.folder / "mirror"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_folder_follows_what_happens_to_collections(shell: Shell) -> None:
    item, collection = collected(shell, "Kicks: old")
    with following(shell) as folder:
        mirrored = folder / "Kicks_ old" / "Dusty kick.wav"
        assert mirrored.read_bytes() == (shell.folder / "Dusty kick.wav").read_bytes()
        (mirrored.parent / "mine.wav").write_text("mine")
        shell.user.items.update(item, name="Clean kick.wav")
        renamed = mirrored.with_name("Clean kick.wav")
        eventually(renamed.exists, within=FOLLOWED_WITHIN, what="the new name")
        assert not mirrored.exists()
        shell.user.collections.remove(collection, [item])
        eventually(lambda: not renamed.exists(), within=FOLLOWED_WITHIN, what="the removal")
        assert (mirrored.parent / "mine.wav").read_text() == "mine"
