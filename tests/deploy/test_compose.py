"""compose.yaml, as Compose's own parser reads it, starts services that its settings connect."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.images.__main__ import write_secrets
from deploy.images.builds import Build, has_weights, services
from kit.settings import KitSettings, ServiceSettings, read
from tests.architecture.sources import ROOT
from tests.support.compose import ComposeError, project

# A machine that has not built the parser yet builds it first.
pytestmark = pytest.mark.timeout(600)

FILE = ROOT / "compose.yaml"
EXAMPLE = ROOT / ".env.example"
OTHERS = {"kafka", "objects", "postgres"}


def variables(text: str) -> dict[str, str]:
    """Return what a file of settings sets."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def secret_values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    target = tmp_path_factory.mktemp("env") / ".env"
    write_secrets(EXAMPLE, target)
    return variables(target.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def composed(secret_values: dict[str, str]) -> dict[str, Any]:
    """The services of the file, by name."""
    content: dict[str, Any] = project(FILE, secret_values)["services"]
    return content


def test_a_new_file_of_secrets_is_private_and_random_and_is_never_overwritten(
    tmp_path: Path,
) -> None:
    target = tmp_path / ".env"
    write_secrets(EXAMPLE, target)
    values = variables(target.read_text())
    assert set(values) == set(variables(EXAMPLE.read_text()))
    assert len(set(values.values())) == len(values)
    assert min(map(len, values.values())) >= 32
    assert target.stat().st_mode & 0o077 == 0
    before = target.read_bytes()
    write_secrets(EXAMPLE, target)
    assert target.read_bytes() == before


def test_every_variable_is_in_the_example_or_has_a_default(secret_values: dict[str, str]) -> None:
    named = set(re.findall(r"\$\{(\w+)", FILE.read_text(encoding="utf-8")))
    required = set(re.findall(r"\$\{(\w+):\?", FILE.read_text(encoding="utf-8")))
    optional = set(re.findall(r"\$\{(\w+):-", FILE.read_text(encoding="utf-8")))
    assert named == required | optional
    assert required == set(secret_values)


@pytest.mark.parametrize("name", variables(EXAMPLE.read_text(encoding="utf-8")))
def test_a_missing_secret_is_refused_with_what_to_do(
    secret_values: dict[str, str], name: str
) -> None:
    with pytest.raises(ComposeError, match=rf"{name}.*copy \.env\.example to \.env"):
        project(FILE, {key: value for key, value in secret_values.items() if key != name})


def test_every_service_has_a_health_check_and_waits_for_healthy_ones(
    composed: dict[str, Any],
) -> None:
    assert set(composed) == set(services()) | OTHERS
    for name, service in composed.items():
        assert service["healthcheck"]["test"], name
        assert all(
            needed == {"condition": "service_healthy", "required": True}
            for needed in service.get("depends_on", {}).values()
        )
    workers = set(services()) - {"gateway", "library"}
    needs = {name: set(service.get("depends_on") or ()) for name, service in composed.items()}
    assert needs["library"] == OTHERS
    assert needs["gateway"] == OTHERS | {"library"}
    for worker in workers:
        assert needs[worker] == {"kafka", "objects", "library"}


@pytest.mark.parametrize("name", services())
def test_a_service_starts_with_the_settings_that_it_gets(
    composed: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in composed[name]["environment"].items():
        monkeypatch.setenv(key, value)
    package = "gateway" if name == "gateway" else f"services.{name}"
    kinds = [
        kind
        for kind in vars(import_module(f"{package}.settings")).values()
        if isinstance(kind, type) and issubclass(kind, ServiceSettings)
        if kind.model_config.get("env_prefix") == f"{name.upper()}_"
    ]
    assert kinds
    for kind in kinds:
        read(kind)
    kit = read(KitSettings)
    ports = _ports(composed)
    for url in (kit.library_url, kit.library_internal_url, kit.gateway_url, kit.bus_url):
        address = urlsplit(url)
        assert address.port in ports[str(address.hostname)], url
    objects = urlsplit(kit.objects_url.get_secret_value().removeprefix("s3+"))
    assert (objects.hostname, objects.port) == ("objects", 9000)
    check = " ".join(composed[name]["healthcheck"]["test"])
    (checked,) = re.findall(r"http://127\.0\.0\.1:(\d+)/healthz", check)
    assert int(checked) in ports[name]


def _ports(composed: dict[str, Any]) -> dict[str, set[int]]:
    """Return the ports on which each service listens, as its settings say."""
    ports: dict[str, set[int]] = {"kafka": {9092}, "objects": {9000}, "postgres": {5432}}
    for name in services():
        ports[name] = {
            int(value)
            for key, value in composed[name]["environment"].items()
            if key.endswith("_PORT")
        }
    return ports


@pytest.mark.parametrize("name", services())
def test_a_service_is_confined_and_writes_only_to_volumes(
    composed: dict[str, Any], name: str
) -> None:
    service = composed[name]
    assert service["image"] == Build(name).tag
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    targets = {volume["target"] for volume in service["volumes"]}
    assert "/tmp" in targets
    assert all(volume["type"] == "volume" for volume in service["volumes"])
    if has_weights(name):
        # The image names this folder in KIT_WEIGHTS_DIR, and the service leaves that as it is.
        assert "/weights" in targets
        assert "KIT_WEIGHTS_DIR" not in service["environment"]
        assert "KIT_WEIGHTS_DIR=/weights" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
        assert f"kit.weights fetch {name}" in " ".join(service["command"])


def test_only_this_machine_reaches_the_ports_that_are_published(composed: dict[str, Any]) -> None:
    published = {
        (name, port["published"], port["host_ip"])
        for name, service in composed.items()
        for port in service.get("ports") or ()
    }
    assert published == {("gateway", "8080", "127.0.0.1"), ("objects", "9000", "127.0.0.1")}


def test_what_is_stopped_has_the_time_that_it_was_promised(composed: dict[str, Any]) -> None:
    for name in set(services()) - {"gateway", "library"}:
        minutes, seconds = re.fullmatch(  # type: ignore[union-attr]
            r"(?:(\d+)m)?(\d+)s", composed[name]["stop_grace_period"]
        ).groups()
        grace = float(composed[name]["environment"]["KIT_GRACE"])
        assert 60 * int(minutes or 0) + int(seconds) >= grace + 10
