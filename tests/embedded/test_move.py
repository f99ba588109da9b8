"""What refuses a move before anything is copied; tests/cluster has the move itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedded.move.rows import parents_first
from tests.support.running_server import ROOT


def _move(data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "embedded.move"],
        cwd=ROOT,
        env={"PATH": "", "CRATEDIG_DATA": str(data), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_without_a_server_is_refused(tmp_path: Path) -> None:
    moved = _move(tmp_path)
    assert moved.returncode == 1
    assert "is no data folder of a server" in moved.stderr


def test_settings_of_the_new_servers_are_needed(tmp_path: Path) -> None:
    (tmp_path / "library.db").touch()
    moved = _move(tmp_path)
    assert moved.returncode == 1
    assert "LIBRARY_DATABASE_URL must be the address of an empty database" in moved.stderr


@pytest.mark.parametrize("ids", [["a", "b", "c", "d"], ["d", "c", "b", "a"]])
def test_rows_come_after_their_parents(ids: list[str]) -> None:
    parents = {"a": "c", "b": None, "c": "d", "d": None}
    ordered = parents_first({id_: parents[id_] for id_ in ids})
    assert sorted(ordered) == sorted(ids)
    assert all(ordered.index(parents[id_] or id_) <= ordered.index(id_) for id_ in ids)
