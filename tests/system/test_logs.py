"""S24: a server logs JSON lines that hold no secret, its users' or its own."""

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cratedig import CratedigError
from tests.support.running_server import ROOT, RunningServer, embedded_server, running
from tests.support.sounds import write_tone

SONG = ROOT / "examples" / "song"


def canary(name: str) -> str:
    """Return a text that is found nowhere else."""
    return f"canary-{name}-{secrets.token_hex(12)}"


def exercise_server(server: RunningServer, folder: Path) -> dict[str, str]:
    """Do what users do, right and wrong, and return what must not be found afterwards."""
    known = {
        name: canary(name)
        for name in ("password", "guess", "file", "title", "artist", "word", "body", "bearer")
    }
    email = known["email"] = f"{canary('mail')}@example.org"
    user = server.client()
    user.account.create(email, known["password"])
    with pytest.raises(CratedigError):
        server.client().sessions.create(email, known["guess"])
    with httpx.Client(base_url=server.url, timeout=20.0) as http:
        pair = {"email": email, "password": known["password"]}
        session = http.post("/v1/sessions", json=pair).json()
        renewed = http.post(
            "/v1/sessions/refresh", json={"refresh_token": session["refresh_token"]}
        )
        head = {"Authorization": f"Bearer {session['access_token']}"}
        created = http.post(
            "/v1/keys", json={"name": "mine", "scopes": ["catalogue:read"]}, headers=head
        )
        assert created.status_code == 201, created.text
        ticket = http.post("/v1/events/tickets", headers=head)
        known |= {
            "access token": session["access_token"].split(".")[2],
            "refresh token": session["refresh_token"],
            "api key": created.json()["key"],
            "own access token": user.credentials.access_token.split(".")[2],
            "ticket": ticket.json()["ticket"],
        }
        if renewed.is_success:
            known["renewed token"] = renewed.json()["refresh_token"]
        http.get("/v1/account", headers={"Authorization": "Bearer " + known["api key"]})

        song = folder / f"{known['file']}.flac"
        song.write_bytes(next(SONG.glob("*.flac")).read_bytes())
        sent = user.uploads.file(song)
        assert sent.job is not None
        user.jobs.wait(sent.job)
        broken = folder / f"{known['file']}.wav"
        broken.write_bytes(b"RIFF" + known["body"].encode() * 100)
        refused = user.uploads.file(broken)
        assert refused.job is not None
        with pytest.raises(CratedigError):
            user.jobs.wait(refused.job)
        edit = {"name": known["title"], "metadata": {"artist": known["artist"]}}
        assert http.patch(f"/v1/items/{sent.item}", json=edit, headers=head).is_success
        files = http.get(f"/v1/items/{sent.item}/artifacts", headers=head).json()["items"]
        url = http.get(f"/v1/artifacts/{files[0]['id']}/download", headers=head).json()["url"]
        assert http.get(url).is_success
        assert http.get(url[:-4]).status_code in (403, 404)
        known["signature"] = dict(httpx.URL(url).params)["signature"]
        body = {"name": "b.wav", "size": 9, "sha256": hashlib.sha256(b"123456789").hexdigest()}
        opened = http.post("/v1/uploads", json=body, headers=head).json()
        part = opened["missing"][0]["url"]
        http.put(part, content=b"1234")
        known["part's signature"] = dict(httpx.URL(part).params)["signature"]

        # What is wrong is told about, and the log must not quote it.
        http.get("/v1/items", params={"q": known["word"]}, headers=head)
        http.get(f"/v1/items/{known['word']}", headers=head)
        http.get("/v1/account", headers={"Authorization": f"Bearer {known['bearer']}"})
        http.get("/v1/account", headers={"Authorization": "Bearer " + known["bearer"] * 3000})
        http.post("/v1/jobs", content=f'{{"{known["body"]}'.encode(), headers=head)
        http.post("/v1/jobs", json={"item": known["body"], "task": known["body"]}, headers=head)
        http.post("/v1/accounts", json={"email": known["body"], "password": known["password"]})
        http.request("GET", f"/objects/{known['word']}?signature={known['word']}")
    return known


def exercise_server_without(server: RunningServer, folder: Path, what: str) -> dict[str, str]:
    """Do what users do while a part of the server is away; return what must not be found then."""
    known = {f"{name} without {what}": canary(name) for name in ("title", "artist", "word", "file")}
    title, artist, word, file = known.values()
    known[f"email without {what}"] = email = f"{canary('mail')}@example.org"
    user = server.user()
    sent = user.uploads.file(write_tone(folder / f"{what}.wav"))
    with httpx.Client(base_url=server.url, timeout=60.0) as http:
        head = {"Authorization": f"Bearer {user.credentials.access_token}"}
        body = {"name": f"{file}.wav", "size": 9, "sha256": hashlib.sha256(b"1").hexdigest()}
        opened = http.post("/v1/uploads", json=body, headers=head).json()
        with _AWAY[what](server.folder / "data"):
            edit = {"name": title, "metadata": {"artist": artist}}
            answers = [
                http.patch(f"/v1/items/{sent.item}", json=edit, headers=head),
                http.get("/v1/items", params={"q": word}, headers=head),
                http.post("/v1/uploads", json=body, headers=head),
                http.put(opened["missing"][0]["url"], content=b"123456789"),
                http.post(f"/v1/uploads/{opened['id']}/complete", headers=head),
                http.post("/v1/accounts", json={"email": email, "password": canary("password")}),
            ]
        assert any(answer.status_code >= 500 for answer in answers), [
            answer.status_code for answer in answers
        ]
    return known


@contextmanager
def _database_away(data: Path) -> Iterator[None]:
    """Mislay the tables that hold what users have, and bring them back."""
    tables = {"library.db": ("items", "uploads"), "gateway.db": ("accounts",)}

    def rename(before: str, after: str) -> None:
        for name, mislaid in tables.items():
            with closing(sqlite3.connect(data / name, timeout=60)) as database, database:
                database.execute("PRAGMA legacy_alter_table=ON")
                for table in mislaid:
                    database.execute(f"ALTER TABLE {before}{table} RENAME TO {after}{table}")

    rename("", "mislaid_")
    try:
        yield
    finally:
        rename("mislaid_", "")


@contextmanager
def _store_away(data: Path) -> Iterator[None]:
    """Put a file where the folder of all files is, and take it away."""
    folder, away = data / "objects", data / "objects.away"
    folder.rename(away)
    folder.write_bytes(b"")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


_AWAY = {"a database": _database_away, "a store": _store_away}


@pytest.mark.timeout(240)
def test_no_canary_is_found_in_any_log(tmp_path: Path) -> None:
    began = time.time()
    own = {"KIT_LOG_LEVEL": "DEBUG", "KIT_LOG_FORMAT": "json"}
    folder = tmp_path / "server"
    folder.mkdir()
    server = embedded_server(folder, extra=own)
    with running(server):
        known = exercise_server(server, tmp_path)
        for what in _AWAY:
            known |= exercise_server_without(server, tmp_path, what)
    known |= json.loads(next(folder.rglob("secrets.json")).read_text(encoding="utf-8"))
    lines = [
        line
        for part in server.parts.values()
        for line in part.log.read_text(encoding="utf-8").splitlines()
    ]
    for name, value in known.items():
        leaks = [line for line in lines if value in line]
        assert not leaks, f"{name} is in the log: {leaks[0][:2000]}"
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(entries) > 10
    for line in entries:
        when = datetime.fromisoformat(line["time"])
        assert when.utcoffset() == timedelta(0)
        assert began - 60 < when.timestamp() < time.time() + 60
        assert {"level", "logger", "message"} <= line.keys()
    assert {"login.ok", "login.failed"} <= {line.get("event") for line in entries}
    assert {"owner", "trace_id"} <= {name for line in entries for name in line}
    assert stored(folder, known["email"]), "the canaries never reached the server"


def stored(folder: Path, email: str) -> bool:
    """Return whether an account is in a database of a server."""
    for path in folder.rglob("*.db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if "accounts" in names:
                query = "SELECT count(*) FROM accounts WHERE email = ?"
                return bool(database.execute(query, (email,)).fetchone()[0])
    return False
