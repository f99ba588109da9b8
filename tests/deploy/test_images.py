"""Every image is built and opened, and a song goes through services that run from their images.

A chain of fewer workers needs ingest and separation; a pipeline leaves out the others.
`make test-images` runs this; it prints what fills each image and how long its build took.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from cratedig import Client
from deploy.images import base
from deploy.images.__main__ import build_in_store, say
from deploy.images.builds import ROOT, Build, services
from deploy.images.confined import confined_command, confined_environment
from deploy.images.contents import Contents, locked_versions, problems, read_contents
from deploy.images.sbom import sbom
from deploy.images.secret_scan import secrets_in_image
from deploy.images.store import ImageConfig, ImageError, Store
from kit.settings import KitSettings
from tests.cluster.conftest import server_settings
from tests.support.running_server import (
    RunningServer,
    cluster_server,
    eventually,
    running,
)

pytestmark = [pytest.mark.images, pytest.mark.timeout(3600)]

SONG = ROOT / "examples" / "song" / "song.flac"
USER = 10001
CHOSEN = tuple(os.environ.get("CRATEDIG_TEST_IMAGES", "").split()) or services()
"""The services whose images are tested; `make test-images IMAGES=…` tests some."""
WORKERS = tuple(name for name in CHOSEN if name not in {"gateway", "library"})
MAX_BYTES = 1_000_000_000
"""No image for CPUs is larger; those for GPUs bring some GB of CUDA's libraries."""


@dataclass(slots=True)
class Images:
    """The images of this checkout, each built when it is first asked for."""

    store: Store
    configs: dict[str, ImageConfig] = field(default_factory=dict)

    def config(self, build: Build) -> ImageConfig:
        """Return an image's configuration, after building it."""
        if build.tag not in self.configs:
            began = time.monotonic()
            build_in_store(self.store, [build])
            say(f"{build.tag} built in {time.monotonic() - began:.0f} s")
            self.configs[build.tag] = self.store.config(build.tag)
        return self.configs[build.tag]


@pytest.fixture(scope="module")
def images() -> Images:
    store = Store()
    cold = not store.has(base.PYTHON_IMAGE)
    began = time.monotonic()
    base.make_bases(store, say)
    if cold:
        say(f"bases made in {time.monotonic() - began:.0f} s")
    return Images(store)


@pytest.fixture
def gateway_root(images: Images) -> Iterator[Path]:
    """The root folder of a container of the gateway's image."""
    build = Build("gateway")
    images.config(build)
    with images.store.opened(build.tag) as root:
        yield root


@pytest.mark.parametrize("name", CHOSEN)
def test_an_image_holds_what_its_service_needs_and_nothing_else(
    images: Images, name: str, tmp_path: Path
) -> None:
    build = Build(name)
    config = images.config(build)
    assert config.user == str(USER)
    assert config.command == ("/app/start",)
    assert config.environment["KIT_WEIGHTS_DIR"] == "/weights"
    with images.store.opened(build.tag) as root:
        contents = read_contents(root)
        assert problems(root, build) == []
        assert secrets_in_image(root, config) == []
        assert (root / "weights").stat().st_uid == USER
    say(_line(build, contents))
    assert contents.bytes < MAX_BYTES
    text = sbom(build, contents)
    (tmp_path / "sbom.json").write_text(text)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = {part["purl"].partition("?")[0] for part in json.loads(text)["components"]}
    locked = locked_versions(ROOT / build.lock)
    assert {f"pkg:pypi/{package}@{version}" for package, version in locked.items()} <= listed
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in listed)
    assert any(purl.startswith("pkg:npm/react@") for purl in listed) == (name == "gateway")


def test_a_planted_secret_makes_the_scan_of_an_image_fail(
    images: Images, gateway_root: Path
) -> None:
    config = images.config(Build("gateway"))
    canary = "canary" + "0123456789abcdef" * 2
    (gateway_root / "app" / "kit" / "left.toml").write_text(f'KIT_INTERNAL_SECRET = "{canary}"\n')
    (gateway_root / "home" / "cratedig" / ".netrc").write_text("machine example.org\n")
    leaks = secrets_in_image(gateway_root, config)
    assert leaks == [
        "/app/kit/left.toml holds the value of a secret setting",
        "/home/cratedig/.netrc has the name of a file of secrets",
    ]


def test_a_container_may_write_only_to_its_volumes_and_has_no_rights(
    images: Images, gateway_root: Path, tmp_path: Path
) -> None:
    config = images.config(Build("gateway"))
    volume = _volume(tmp_path / "volume")
    script = (
        "touch /tmp/here; for path in /app/x /home/cratedig/x /weights/x /etc/x /venv/x; do "
        "touch $path 2>/dev/null && echo $path; done; id -u; id -G; "
        "grep -E '^(CapEff|NoNewPrivs):' /proc/self/status"
    )
    done = subprocess.run(
        confined_command(
            gateway_root, config, volumes={"/tmp": volume}, command=("sh", "-c", script)
        ),
        env=confined_environment(config, {}),
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stdout.split() == [
        *(str(USER), str(USER), "CapEff:", "0000000000000000", "NoNewPrivs:", "1")
    ], done.stderr
    assert (volume / "here").stat().st_uid == USER


@pytest.fixture(scope="module")
def server(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose every process runs from its image, with every worker."""
    folder = tmp_path_factory.mktemp("images")
    weights = KitSettings().weights_dir
    containers: list[str] = []
    with server_settings() as settings:
        server = cluster_server(folder, settings, words=WORKERS)
        try:
            for part in server.parts.values():
                build = Build(part.name.rstrip("0123456789"))
                config = images.config(build)
                container = images.store.buildah("from", "--pull-never", build.tag)
                containers.append(container)
                part.command = list(
                    confined_command(
                        Path(images.store.buildah("mount", container)),
                        config,
                        volumes={"/tmp": _volume(folder / f"{part.name}-tmp")},
                        read_only_volumes={"/weights": weights},
                    )
                )
                part.environment = confined_environment(
                    config, _own_settings(part.environment, build.service)
                )
            began = time.monotonic()
            with running(server):
                say(f"{len(server.parts)} services ready after {time.monotonic() - began:.0f} s")
                yield server
        finally:
            for container in containers:
                images.store.buildah("rm", container)


def _own_settings(environment: dict[str, str], service: str) -> dict[str, str]:
    """Return a service's settings; folders of this machine are not in its image."""
    folders = {"KIT_SCRATCH_DIR", "KIT_WEIGHTS_DIR"}
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("KIT_", f"{service.upper()}_")) and name not in folders
    }


def test_a_song_goes_through_services_that_run_from_their_images(
    server: RunningServer, tmp_path: Path
) -> None:
    user: Client = server.user("images")
    # A pipeline leaves out what no worker offers.
    eventually(
        lambda: {task.name for task in user.tasks.list() if task.offered} >= set(WORKERS),
        what="every worker",
    )
    began = time.monotonic()
    sent = user.uploads.file(SONG, kind="track")
    assert sent.item is not None
    assert sent.job is not None
    user.jobs.wait(sent.job)
    run = user.runs.wait(user.runs.create(sent.item, "full").id)
    assert run.state == "succeeded", run
    names = {artifact.name for artifact in user.artifacts.list(sent.item)}
    assert {"vocals.flac", "accompaniment.flac"} <= names
    assert ("song.mid" in names) == ("midi" in WORKERS)
    if "export" in WORKERS:
        user.jobs.wait(user.jobs.create(sent.item, "export", params={"preset": "stems"}).id)
    finished = {job.task for job in user.jobs.list(item=sent.item) if job.state == "succeeded"}
    assert finished >= set(WORKERS)
    say(f"the song went through all services in {time.monotonic() - began:.0f} s")


def test_the_gateways_image_serves_the_page(server: RunningServer) -> None:
    page = httpx.get(server.url, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "default-src" in page.headers["Content-Security-Policy"]
    scripts = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
    assert scripts
    assert httpx.get(f"{server.url}{scripts[0]}").headers["Content-Type"].startswith("text/java")


def test_an_image_that_is_not_in_the_store_is_named(images: Images) -> None:
    with pytest.raises(ImageError, match="no-such-image"):
        images.store.config("no-such-image")


def _volume(folder: Path) -> Path:
    """Make an empty folder that belongs to the images' user."""
    folder.mkdir()
    os.chown(folder, USER, USER)
    return folder


def _line(build: Build, contents: Contents) -> str:
    sizes = ", ".join(f"{p.name} {p.bytes / 1e6:.0f}" for p in contents.largest())
    return f"{build.tag}: {contents.bytes / 1e6:.0f} MB, largest packages in MB: {sizes}"
