"""The compose file agrees with the code: every service is in it, with settings that are read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.sources import ROOT, known_settings, services

FOLDERS = [*services(), ROOT / "gateway"]
SERVERS = {"kafka", "objects", "postgres"}


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return content["services"]  # type: ignore[no-any-return]


def test_every_service_is_there_and_nothing_else(composed: dict[str, Any]) -> None:
    ours = set(composed) - SERVERS
    assert {folder.name for folder in FOLDERS} <= ours
    assert all((ROOT / name).is_dir() or (ROOT / "services" / name).is_dir() for name in ours)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_service_is_built_from_the_one_dockerfile_and_confined(
    composed: dict[str, Any], folder: Path
) -> None:
    service = composed[folder.name]
    assert service["build"] == {"context": ".", "args": {"SERVICE": folder.name}}
    assert service["image"].startswith(f"cratedig/{folder.name}:")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_setting_is_one_that_is_read(composed: dict[str, Any], folder: Path) -> None:
    assert set(composed[folder.name]["environment"]) <= known_settings(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_weights_are_fetched_before_the_start(composed: dict[str, Any], folder: Path) -> None:
    fetches = "kit.weights fetch" in " ".join(composed[folder.name].get("command", []))
    assert fetches == (folder / "weights.toml").exists()
