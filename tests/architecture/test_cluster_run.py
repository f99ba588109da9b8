"""The run on real servers hides nothing: what is skipped there has failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running_server import ROOT

CLUSTER_TEST = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no servers today")
def test_is_marked():
    pass

def test_finds_out():
    pytest.skip("no servers today")

@pytest.mark.xfail(reason="known")
def test_fails_as_known():
    assert False
"""
WHOLE = """
import pytest

pytest.skip("no servers today", allow_module_level=True)
"""


def run(folder: Path, content: str, *, required: bool) -> tuple[int, str]:
    """Run a file of tests under the rules of this suite."""
    (folder / "test_it.py").write_text(content)
    environment = {name: value for name, value in os.environ.items() if name != "CRATEDIG_CLUSTER"}
    done = subprocess.run(
        (
            *(sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"),
            *("-c", os.devnull, "--rootdir", str(folder), str(folder)),
        ),
        cwd=ROOT,
        env=environment | ({"CRATEDIG_CLUSTER": "required"} if required else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_skipped_test_fails_where_it_is_required(tmp_path: Path) -> None:
    status, words = run(tmp_path, CLUSTER_TEST, required=True)
    assert status == pytest.ExitCode.TESTS_FAILED
    assert "1 passed, 1 xfailed" in words
    for name in ("test_is_marked", "test_finds_out"):
        assert f"{name} must run here, but is skipped: Skipped: no servers today" in words


def test_a_skipped_file_fails_where_it_is_required(tmp_path: Path) -> None:
    status, words = run(tmp_path, WHOLE, required=True)
    assert status == pytest.ExitCode.INTERRUPTED
    assert "test_it.py must run here, but is skipped" in words


def test_elsewhere_a_skipped_test_is_skipped(tmp_path: Path) -> None:
    status, words = run(tmp_path, CLUSTER_TEST, required=False)
    assert status == pytest.ExitCode.OK
    assert "2 skipped" in words
