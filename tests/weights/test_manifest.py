"""Manifests say what they must, and the command does what is asked of it."""

import io
import socket
from pathlib import Path

import pytest

from kit.weights.__main__ import Bar, main
from kit.weights.manifest import (
    ManifestError,
    PackageSource,
    UrlSource,
    find_manifests,
    read_manifest,
)
from kit.weights.sources import answers
from kit.weights.store import Store
from tests.weights.weight_server import CONTENT, SHA, TOML, WeightServer, write_manifest


def test_manifest_is_read(tmp_path: Path) -> None:
    text = TOML.format(size=5, sha=SHA, url="https://example.org/net.bin")
    manifest = read_manifest(write_manifest(tmp_path, "midi", text))
    assert manifest.word == "midi"
    assert manifest.weights[0].default
    assert manifest.weights[0].bytes == 5
    assert manifest.command == "python -m kit.weights fetch midi"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('licence = "MIT"', 'licence = "CC-BY-NC-4.0"'), "does not allow a default"),
        (('licence = "MIT"', 'licence = "NOASSERTION"'), "does not allow a default"),
        (('licence = "MIT"', ""), "licence"),
        ((SHA, SHA[:-1]), "sha256"),
        (('file = "net.bin"', 'file = "../net.bin"'), "file"),
        (('kind = "url"', 'kind = "ftp"'), "kind"),
        (("[[weights.parts]]", "surprise = 1\n[[weights.parts]]"), "surprise"),
        (('name = "net"', "name = "), "Invalid value"),
    ],
)
def test_a_manifest_that_does_not_say_what_it_must(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    text = TOML.format(size=5, sha=SHA, url="https://example.org/n").replace(*change)
    with pytest.raises(ManifestError, match=reason):
        read_manifest(write_manifest(tmp_path, "midi", text))


def test_non_commercial_weights_are_never_preferred(tmp_path: Path) -> None:
    text = TOML.format(size=5, sha=SHA, url="https://example.org/n")
    licence = 'licence = "CC-BY-NC-4.0"\ndefault = false\npreferred = true'
    with pytest.raises(ManifestError, match="does not allow a default"):
        read_manifest(write_manifest(tmp_path, "midi", text.replace('licence = "MIT"', licence)))


def test_non_commercial_weights_may_be_listed_when_not_default(tmp_path: Path) -> None:
    text = TOML.format(size=5, sha=SHA, url="https://example.org/n")
    text = text.replace('licence = "MIT"', 'licence = "CC-BY-NC-4.0"\ndefault = false')
    assert not read_manifest(write_manifest(tmp_path, "midi", text)).weights[0].default


def test_a_path_does_not_lead_out_of_its_package() -> None:
    with pytest.raises(ValueError, match="inside the package"):
        PackageSource(kind="package", package="a", version="1", paths=("a/../../etc/passwd",))


def test_every_service_of_the_server_has_a_manifest_that_can_be_read() -> None:
    services = Path(__file__).parents[2] / "services"
    manifests = find_manifests(services)
    assert "midi" in [manifest.word for manifest in manifests]


# --- The command --------------------------------------------------------------------------------


def test_the_command_fetches_verifies_and_lists(
    tmp_path: Path, weight_server: WeightServer, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TOML.format(size=len(CONTENT), sha=SHA, url=weight_server.address + "/good")
    services, store = tmp_path / "services", Store(tmp_path / "store")
    write_manifest(services, "midi", text)
    write_manifest(services, "tagging", text.replace('"net"', '"tags"').replace("/good", "/none"))

    assert main(["verify", "midi"], services=services, store=store) == 1
    assert "python -m kit.weights fetch midi" in capsys.readouterr().out
    assert main(["fetch", "midi"], services=services, store=store) == 0
    assert main(["verify", "midi"], services=services, store=store) == 0
    assert main(["fetch", "--all", "midi"], services=services, store=store) == 0
    assert main(["fetch"], services=services, store=store) == 1
    assert "tagging tags: No source provided net.bin" in capsys.readouterr().err
    assert main(["list"], services=services, store=store) == 0
    midi, tagging = capsys.readouterr().out.splitlines()
    assert midi.endswith("present")
    assert tagging.endswith("missing")
    with pytest.raises(SystemExit):
        main(["fetch", "nosuch"], services=services, store=store)
    assert "unknown service: nosuch; choose from: midi, tagging" in capsys.readouterr().err


PREFERRED = """
[[weights]]
name = "better"
version = "1"
licence = "MIT"
default = false
preferred = true

[[weights.parts]]
file = "better.bin"
bytes = {size}
sha256 = "{sha}"

[[weights.parts.sources]]
kind = "url"
urls = ["{url}"]
"""


def manifest_with_preferred(folder: Path, weight_server: WeightServer, url: str) -> Path:
    """Write a manifest whose default can be had, and whose preferred weights are at an address."""
    services = folder / "services"
    text = TOML.format(size=len(CONTENT), sha=SHA, url=weight_server.address + "/good")
    better = PREFERRED.format(size=len(CONTENT), sha=SHA, url=url)
    write_manifest(services, "midi", text + better)
    return services


def test_preferred_weights_are_fetched_and_used_where_they_can_be_had(
    tmp_path: Path, weight_server: WeightServer, capsys: pytest.CaptureFixture[str]
) -> None:
    services = manifest_with_preferred(tmp_path, weight_server, weight_server.address + "/good")
    store, pinned = Store(tmp_path / "store"), Store(tmp_path / "store", pinned=True)
    (manifest,) = find_manifests(services)
    assert main(["fetch", "--pinned"], services=services, store=store) == 0
    assert set(store.verified(manifest)) == {"net"}
    assert main(["fetch"], services=services, store=pinned) == 0
    assert set(store.verified(manifest)) == {"net"}
    assert main(["fetch"], services=services, store=store) == 0
    assert "better" in capsys.readouterr().out.splitlines()[-1]
    assert set(store.verified(manifest)) == {"net", "better"}
    assert set(pinned.verified(manifest)) == {"net"}


def test_preferred_weights_that_cannot_be_had_are_no_failure(
    tmp_path: Path, weight_server: WeightServer, capsys: pytest.CaptureFixture[str]
) -> None:
    services = manifest_with_preferred(tmp_path, weight_server, weight_server.address + "/nowhere")
    store = Store(tmp_path / "store")
    assert main(["fetch"], services=services, store=store) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("without midi better")
    assert "uses net" in line
    assert "python -m kit.weights fetch midi" in line


def test_a_source_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/net"
        assert not answers(UrlSource(kind="url", urls=(url,)), within=0.3)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_fills_on_a_terminal_and_is_one_line_in_a_log() -> None:
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        bar = Bar(stream)
        for done in range(0, 11):
            bar("net.bin", done * 1_000_000, 10_000_000)
        bar.clear()
    assert "10.0 of 10.0 MB" in terminal.getvalue()
    assert "█" * 24 in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert log.getvalue() == "  net.bin …\n"
