"""Every operation of the description, by schemathesis, against the live server (T14 in small).

`CRATEDIG_TEST_CASES` is how many cases at least; `make test-fuzz` runs more than 5,000.
"""

import json
import os
import random
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case

from cratedig import Client
from tests.support.running_server import ROOT, RunningServer
from tests.support.sounds import write_tone

CASES = int(os.environ.get("CRATEDIG_TEST_CASES", "300"))
SEED = int(os.environ.get("CRATEDIG_TEST_SEED", "20"))
SCHEMA = schemathesis.openapi.from_dict(
    json.loads((ROOT / "contracts" / "schemas" / "openapi.json").read_text("utf-8"))
)
LEFT_OUT = {
    ("GET", "/v1/events"): "a stream that does not end",
    ("DELETE", "/v1/account"): "it would end the account of the run",
    ("PUT", "/v1/account/password"): "likewise",
    ("DELETE", "/v1/sessions"): "likewise",
    ("POST", "/v1/sessions/logout"): "likewise",
}

pytestmark = pytest.mark.timeout(120 + CASES)


def own_ids(user: Client, folder: Path) -> dict[str, str]:
    """Return ids of things that are there, by the name of the path's parameter."""
    sent = user.uploads.file(write_tone(folder / "tone.wav", frequency=277.0))
    user.jobs.wait(str(sent.job))
    item = str(sent.item)
    run = user.runs.wait(user.runs.create(item, "midi").id)
    user.tags.add(item, "dusty")
    collection = user.collections.create("fuzz").id
    user.collections.add(collection, [item])
    return {
        "item": item,
        "artifact": next(user.artifacts.list(item)).id,
        "job": next(user.jobs.list(item=item)).id,
        "run": run.id,
        "upload": sent.id,
        "name": "midi",
        "tag": "dusty",
        "collection": collection,
        "link": user.collections.create_link(collection).id,
        "secret": str(user.collections.create_link(collection, access="download").secret),
        "account": user.account.get().id,
        "place": "1",
    }


@pytest.mark.slow
def test_no_request_makes_a_fault(server: RunningServer, tmp_path: Path) -> None:
    operations = [
        operation.ok()
        for operation in SCHEMA.get_all_operations()
        if (operation.ok().method.upper(), operation.ok().path) not in LEFT_OUT
    ]
    operations.sort(key=lambda item: item.method.upper() == "DELETE")
    assert len(operations) > 30
    each = -(-CASES // len(operations))
    user = server.user("fuzz")
    own = own_ids(user, tmp_path)
    statuses: Counter[int] = Counter()
    undocumented: set[tuple[str, str, int]] = set()
    began = time.monotonic()
    chance = random.Random(SEED)
    with httpx.Client(base_url=server.url, timeout=30.0) as http:
        for operation in operations:

            def ask(case: Case) -> None:
                # Random ids hardly ever hit, so half of the requests speak of what is there; what
                # deletes comes last.
                if chance.random() < 0.5:
                    for name in dict(case.path_parameters or {}):
                        case.path_parameters[name] = own.get(name, "nothing")
                request = case.as_transport_kwargs(base_url=server.url)
                body = {k: v for k, v in request.items() if k in ("params", "json", "data")}
                if isinstance(body.get("data"), str | bytes):
                    body["content"] = body.pop("data")
                head = {**dict(request.get("headers") or {})}
                if chance.random() < 0.9:
                    head["Authorization"] = f"Bearer {user.credentials.access_token}"
                try:
                    answer = http.request(
                        request["method"], request["url"], headers=_plain(head), **body
                    )
                except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError):
                    return  # No client can send it.
                statuses[answer.status_code] += 1
                # Some operations ask servers elsewhere, which may fail.
                if answer.status_code != 502 or answer.json()["code"] != "upstream_failed":
                    assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"
                if str(answer.status_code) not in case.operation.definition.raw["responses"]:
                    undocumented.add((case.method, case.path, answer.status_code))
                if answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json"

            strategy = operation.as_strategy()
            run = given(case=strategy)(ask)
            run = settings(
                max_examples=each,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(seed(SEED)(run))
            run()
    took = time.monotonic() - began
    print(
        f"seed {SEED}: {statuses.total()} cases in {took:.0f} s: {dict(sorted(statuses.items()))}"
    )
    assert not undocumented
    assert statuses.total() >= CASES * 0.9
    assert server.ready()


def _plain(head: dict[str, object]) -> dict[str, str]:
    """Return the headers that can be sent at all."""
    return {
        str(name): str(value)
        for name, value in head.items()
        if str(value).isprintable() and str(value).isascii() and name.lower() != "content-length"
    }
