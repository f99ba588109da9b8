"""Each row of `docs/drum-sample-manager.md`, sent for on a running server."""

import re
from pathlib import Path

import httpx
import pytest

from cratedig import Client
from tests.support.running_server import RunningServer, eventually
from tests.support.sounds import write_tone
from tests.system.test_sdk import PASSWORD, email

pytestmark = pytest.mark.timeout(180)
TABLE = Path(__file__).parents[2] / "docs" / "drum-sample-manager.md"
OPERATION = re.compile(r"^\| `([a-z/]+)` \|", re.MULTILINE)


def test_the_eleven_operations(server: RunningServer, tmp_path: Path) -> None:
    sent: list[str] = []
    http = httpx.Client(base_url=f"{server.url}/v1")
    account = {"email": email(), "password": PASSWORD}

    def ask(operation: str, method: str, path: str, **options: object) -> httpx.Response:
        answer = http.request(method, path, **options)  # type: ignore[arg-type]
        assert answer.is_success, (operation, answer.text)
        sent.append(operation)
        return answer

    ask("register", "POST", "/accounts", json=account)
    tokens = ask("login", "POST", "/sessions", json=account).json()
    http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    client: Client = server.client()
    client.sessions.create(account["email"], PASSWORD)

    path = write_tone(tmp_path / "snare.wav", seconds=0.2, frequency=190.0)
    uploaded = client.uploads.file(path, kind="sample")
    sent.append("upload")
    client.jobs.wait(str(uploaded.job))
    item = uploaded.item
    library = http.post("/collections", json={"name": "Snares"}).json()["id"]
    http.post(f"/collections/{library}/items", json={"items": [item]}).raise_for_status()
    listed = ask("get/libraries", "GET", "/collections").json()["items"]
    assert "Snares" in {each["name"] for each in listed}
    held = ask("get/library", "GET", f"/collections/{library}/items").json()["items"]
    assert [member["item"]["id"] for member in held] == [item]

    ask("analyze", "POST", "/jobs", json={"item": item, "task": "tagging"})
    ask("sampletag/update", "PUT", f"/items/{item}/tags/dusty")
    ask("samplefavorite/update", "PUT", f"/items/{item}/favourite")
    assert ask("usertags", "GET", "/tags").json()["items"] == [{"name": "dusty", "items": 1}]
    counts = ask("tags", "GET", "/search", params={"counts": "true"}).json()["facets"]
    assert counts["tags"] == [{"value": "dusty", "count": 1}]
    assert counts["favourites"] == 1

    def similar() -> bool:
        # Until the sample is tagged it has no vector to compare.
        return http.get(f"/items/{item}/similar").is_success

    eventually(similar, what="the vector of the sample")
    recommended = ask("recommendations", "GET", "/recommendations").json()
    assert recommended["target"] == "account"
    http.close()
    assert sorted(sent) == sorted(OPERATION.findall(TABLE.read_text(encoding="utf-8")))
    assert len(sent) == 11
