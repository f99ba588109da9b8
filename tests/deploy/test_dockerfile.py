"""The one Dockerfile picks the code and the lock of the service that it is asked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from tests.architecture.sources import ROOT, services

SERVICES = [*services(), ROOT / "gateway"]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")


def instructions(name: str) -> list[str]:
    """Return what follows each instruction of a name, without the caches that it mounts."""
    return re.findall(rf"^{name} (?:--mount=\S+\s+)*(.*)$", LINES, re.MULTILINE)


@pytest.mark.skipif(sys.platform != "linux", reason="the image's commands are those of Linux")
@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_an_image_holds_its_own_code_and_no_sibling(folder: Path, tmp_path: Path) -> None:
    (picks,) = (
        instruction for instruction in instructions("RUN") if "contracts kit" in instruction
    )
    app = tmp_path / "app"
    picked = subprocess.run(
        ("sh", "-c", picks.replace("/app", str(app))),
        cwd=ROOT,
        env=os.environ | {"SERVICE": folder.name},
        capture_output=True,
        check=False,
        text=True,
    )
    assert picked.returncode == 0, picked.stderr
    module = str(folder.relative_to(ROOT)).replace("/", ".")
    assert (app / "start").read_text() == f"#!/bin/sh\nexec python -m {module}\n"
    assert os.access(app / "start", os.X_OK)
    assert (app / folder.relative_to(ROOT) / "__main__.py").is_file()
    here = {path.name for path in app.iterdir()} - {"start"}
    if folder.parent == ROOT:
        assert here == {"contracts", "kit", "gateway"}
    else:
        assert here == {"contracts", "kit", "services"}
        there = {path.name for path in (app / "services").iterdir()}
        assert there == {"__init__.py", folder.name}


def test_the_lock_is_the_services_own_unless_a_build_argument_names_another() -> None:
    assert "LOCK=requirements/${SERVICE}.txt" in instructions("ARG")
    assert "${LOCK} /requirements.txt" in instructions("COPY")
    (installs,) = (run for run in instructions("RUN") if "pip install" in run)
    for option in ("--no-deps", "--require-hashes", "--only-binary=:all:", "-r /requirements.txt"):
        assert option in installs


def test_the_base_images_are_named_with_their_digests() -> None:
    bases = {line for line in instructions("ARG") if "_IMAGE=" in line}
    assert len(bases) == 2
    for line in bases:
        assert re.fullmatch(r"[A-Z]+_IMAGE=[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", line), line
    assert {line.split(" AS ")[0] for line in instructions("FROM")} == {
        "${PYTHON_IMAGE}",
        "${NODE_IMAGE}",
    }


def test_weights_are_baked_only_on_request() -> None:
    assert "WEIGHTS=volume" in instructions("ARG")
    (bakes,) = (run for run in instructions("RUN") if "kit.weights fetch" in run)
    assert 'if [ "${WEIGHTS}" = baked ]' in bakes


def test_the_image_runs_as_a_user_without_rights() -> None:
    assert instructions("USER") == ["10001"]
    assert instructions("CMD") == ['["/app/start"]']


def test_nothing_but_code_and_locks_is_sent_to_a_build() -> None:
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert kept == {"clients/web", "contracts", "gateway", "kit", "requirements", "services"}


def test_the_gateways_image_has_the_web_client_where_the_gateway_looks() -> None:
    (copied,) = (line for line in instructions("COPY") if line.startswith("--from=web"))
    assert copied == "--from=web /source/clients/web/dist /app/clients/web/dist"
    default = GatewaySettings.model_fields["web"].default
    assert default == ROOT / "clients" / "web" / "dist"


@pytest.mark.skipif(sys.platform != "linux", reason="the image's commands are those of Linux")
@pytest.mark.parametrize(("service", "builds"), [("gateway", True), ("midi", False)])
def test_only_the_gateways_image_builds_the_web_client(
    service: str, builds: bool, tmp_path: Path
) -> None:
    (build,) = (instruction for instruction in instructions("RUN") if "npm" in instruction)
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\necho "$@" >> commands\n')
    npm.chmod(0o755)
    environment = {"SERVICE": service, "PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(("sh", "-c", build), cwd=tmp_path, env=environment, check=True)
    commands = tmp_path / "commands"
    assert commands.is_file() is builds
    assert (tmp_path / "dist").is_dir() is not builds
    if builds:
        assert commands.read_text().splitlines() == ["ci --cache /cache/npm", "run build"]
