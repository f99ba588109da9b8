"""Tags, collections and bulk edits by the command line, as a user would."""

import csv
import io
import json
from pathlib import Path

import pytest

from cratedig import NotFoundError
from tests.support.running_server import RunningServer
from tests.system.shell import Shell, shell_of

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def shell(server: RunningServer, tmp_path: Path) -> Shell:
    return shell_of(server, tmp_path)


def test_a_csv_file_edits_many_items(shell: Shell) -> None:
    kick = shell.tone("kick.wav", frequency=61.0)
    snare = shell.tone("snare.wav", frequency=187.0)
    assert shell("collection", "create", "For the film").returncode == 0
    table = shell.folder / "edits.csv"
    table.write_text(
        "item,add_tags,favourite,rating,collections,metadata.licence\n"
        'kick,"Dusty, vinyl",yes,5,For the film,CC0-1.0\n'
        f"{snare},dusty,,-,,\n",
        encoding="utf-8-sig",
    )
    done = shell("edit", "--csv", "edits.csv")
    assert (done.returncode, done.stdout) == (0, "Changed 2 of 2 items.\n"), done.stderr
    assert shell.json("tag", "list") == [
        {"name": "Dusty", "items": 2},
        {"name": "vinyl", "items": 1},
    ]
    shown = shell.json("show", kick)
    assert (shown["favourite"], shown["rating"]) == (True, 5)
    (row,) = csv.DictReader(io.StringIO(shell("collection", "clearance", "for the film").stdout))
    assert (row["item"], row["licence"], row["status"]) == (kick, "CC0-1.0", "own")
    # A line that cannot be read stops before anything is sent; an item that cannot be changed
    # fails alone.
    table.write_text(f"item,rating\n{kick},1\n{snare},9\n", encoding="utf-8")
    done = shell("edit", "--csv", "edits.csv")
    assert done.returncode == 2
    assert "edits.csv:3" in done.stderr
    tags = [f"t{n}" for n in range(63)]
    edits = [{"items": [kick], "add_tags": tags}, {"items": [snare], "rating": 2}]
    (shell.folder / "edits.json").write_text(json.dumps(edits), encoding="utf-8")
    done = shell("edit", "--edits", "edits.json")
    assert (done.returncode, done.stdout) == (5, "Changed 1 of 2 items.\n")
    assert "64 tags" in done.stderr
    ratings = [shell.json("show", item)["rating"] for item in (kick, snare)]
    assert ratings == [5, 2]


def test_a_collection_is_shared_by_a_link_and_its_files_are_fetched(
    shell: Shell, server: RunningServer
) -> None:
    kick = shell.tone("kick.wav", frequency=67.0)
    assert shell("collection", "create", "Kicks").returncode == 0
    assert shell("collection", "add", "kicks", "kick").returncode == 0
    link = shell.json("collection", "share", "Kicks")
    viewer = server.user("viewer")
    opened = viewer.collections.open_link(link["secret"])
    assert (opened.name, opened.role, opened.items) == ("Kicks", "viewer", 1)
    assert [shared.id for shared in viewer.collections.shared()] == [opened.id]
    (member,) = viewer.collections.items(opened.id)
    assert member.item.id == kick
    file = next(iter(viewer.collections.artifacts(opened.id, kick)))
    assert viewer.collections.download(opened.id, kick, file.id).url.startswith("http")
    with pytest.raises(NotFoundError):
        viewer.items.get(kick)
    assert shell("collection", "share", "Kicks", "--revoke", link["id"]).returncode == 0
    with pytest.raises(NotFoundError):
        viewer.collections.get(opened.id)
