"""Sign-in links of a server on one's own machine."""

import re
from pathlib import Path

import httpx
import pytest

from embedded import sign_in
from tests.support.running_server import RunningServer, embedded_server, eventually, running

CODE = re.compile(r"(http://\S+)/\?signin=([\w-]{43})")


@pytest.fixture
def server(tmp_path: Path) -> RunningServer:
    """A server with a built client, as `make run` starts it."""
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "index.html").write_text("<div id=root></div>")
    server = embedded_server(tmp_path, extra={"GATEWAY_WEB": str(dist)})
    server.parts["server"].command.append("--sign-in")
    return server


def test_a_start_and_the_command_print_links_of_the_owner(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(server):
        log = server.parts["server"].log
        eventually(lambda: bool(CODE.search(log.read_text())), what="the link")
        (printed,) = CODE.findall(log.read_text())
        monkeypatch.setenv("CRATEDIG_DATA", str(server.folder / "data"))
        monkeypatch.setenv("CRATEDIG_PORT", server.url.rpartition(":")[2])
        monkeypatch.setattr("sys.argv", ["sign_in"])
        sign_in.main()
        (again,) = CODE.findall(capsys.readouterr().out)
        assert printed[1] != again[1]
        for url, code in (printed, again):
            assert url == server.url
            client = server.client()
            client.sessions.create_with_code(code)
            account = client.account.get()
            assert (account.email, account.admin) == ("owner@localhost", True)
        page = httpx.get(printed[0], headers={"Accept": "text/html"})
        assert page.text == "<div id=root></div>"
        monkeypatch.setattr("sys.argv", ["sign_in", "nobody@example.org"])
        with pytest.raises(SystemExit, match="no account has the address"):
            sign_in.main()


def test_without_a_server_there_is_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATEDIG_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("sys.argv", ["sign_in"])
    with pytest.raises(SystemExit, match="start it"):
        sign_in.main()
    assert not (tmp_path / "data").exists()
