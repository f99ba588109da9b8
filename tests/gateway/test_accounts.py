"""Accounts and sessions: S4, S5, S6, and what T20 asks of refresh tokens and revoked users."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.gateway.gateway_harness import PASSWORD, GatewayHarness, eventually, open_gateway

Timed = tuple[float, dict[str, object]]


async def refresh(harness: GatewayHarness, token: str) -> httpx.Response:
    return await harness.client.post("/v1/sessions/refresh", json={"refresh_token": token})


async def test_the_first_account_administers_the_server_and_no_other(
    harness: GatewayHarness,
) -> None:
    bodies = [{"email": f"{n}@example.org", "password": PASSWORD} for n in range(8)]
    answers = await asyncio.gather(*(harness.client.post("/v1/accounts", json=b) for b in bodies))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert sorted(answer.json()["admin"] for answer in answers) == [False] * 7 + [True]


async def test_there_is_no_account_before_the_first(harness: GatewayHarness) -> None:
    for email in ("admin@localhost.example", "root@example.org"):
        for password in ("admin", "password", "cratedig"):
            body = {"email": email, "password": password}
            assert (await harness.client.post("/v1/sessions", json=body)).status_code == 401


CANNOT_BE: tuple[dict[str, object], ...] = (
    {"password": "short"},
    {"password": "x" * 257},
    {"password": "password123"},
    {"password": "PassWord123"},
    {"email": "nobody"},
    {"email": "a b@example.org"},
    {"email": "x" * 65 + "@example.org"},
    {"admin": True},
    {"id": "01920000-0000-7000-8000-000000000000"},
    {"owner": "x"},
    {"name": "x" * 101},
    {"name": None},
)


async def test_registrations_that_cannot_be(harness: GatewayHarness) -> None:
    for change in CANNOT_BE:
        body = {"email": "ada@example.org", "password": PASSWORD} | change
        answer = await harness.client.post("/v1/accounts", json=body)
        assert answer.status_code == 422, change
        assert answer.json()["fields"]


async def test_a_known_address_gets_the_same_answer_and_nothing_changes(
    harness: GatewayHarness,
) -> None:
    ada = await harness.sign_up("Ada@Example.org")
    again = await harness.client.post(
        "/v1/accounts", json={"email": "ada@example.ORG", "password": "of somebody else"}
    )
    fresh = await harness.client.post(
        "/v1/accounts", json={"email": "new@example.org", "password": "of somebody else"}
    )
    assert again.status_code == fresh.status_code == 201
    assert again.json().keys() == fresh.json().keys()
    assert again.json()["admin"] is fresh.json()["admin"] is False
    assert again.json()["id"] != ada.id
    body = {"email": "ada@example.org", "password": "of somebody else"}
    assert (await harness.client.post("/v1/sessions", json=body)).status_code == 401
    await harness.log_in("ADA@example.org")


async def test_known_and_unknown_look_and_take_alike(harness: GatewayHarness) -> None:
    """S6 as a ratio of the quickest; what is compared is dominated by the same Argon2id."""
    await harness.sign_up("known@example.org")

    async def log_in(email: str) -> Timed:
        began = time.perf_counter()
        answer = await harness.client.post(
            "/v1/sessions", json={"email": email, "password": "not this one"}
        )
        took = time.perf_counter() - began
        assert answer.status_code == 401
        return took, {k: v for k, v in answer.json().items() if k != "trace"}

    async def register(email: str) -> Timed:
        began = time.perf_counter()
        answer = await harness.client.post(
            "/v1/accounts", json={"email": email, "password": "not this one"}
        )
        took = time.perf_counter() - began
        assert answer.status_code == 201
        return took, {"keys": sorted(answer.json())}

    async def compare(call: Callable[[str], Awaitable[Timed]], attempt: int) -> float:
        """Return how many times longer the quickest answer takes for an address that is known."""
        known: list[float] = []
        unknown: list[float] = []
        answers: list[dict[str, object]] = []
        for number in range(12):
            # Other addresses each time, and a clock that moves on, so that nobody is slowed.
            harness.clock.advance(120.0)
            strange = f"{call.__name__}-{attempt}-{number}"
            for times, email in ((known, "known"), (unknown, strange)):
                took, answer = await call(f"{email}@example.org")
                times.append(took)
                answers.append(answer)
        assert all(answer == answers[0] for answer in answers)
        return min(known) / min(unknown)

    for call in (log_in, register):
        # Without the same work it would be a small part; a busy machine is given another chance.
        ratios: list[float] = []
        while not ratios or not 0.7 < ratios[-1] < 1.4:
            assert len(ratios) < 4, (call.__name__, ratios)
            ratios.append(await compare(call, len(ratios)))


async def test_guessing_is_slowed_and_nobody_else_is(tmp_path: Path) -> None:
    async with open_gateway(tmp_path, settings={"logins_per_minute": 1000}) as harness:
        await harness.sign_up("ada@example.org")
        await harness.sign_up("bob@example.org")
        harness.clock.hold()
        other = httpx.ASGITransport(harness.gateway.public, client=("198.51.100.7", 1))

        async def guess(client: httpx.AsyncClient) -> httpx.Response:
            body = {"email": "ada@example.org", "password": "a wrong sentence"}
            return await client.post("/v1/sessions", json=body)

        async with httpx.AsyncClient(transport=other, base_url="http://localhost") as attacker:
            first = [(await guess(attacker)).status_code for _ in range(5)]
            assert first == [401] * 5
            refused = await guess(attacker)
            assert refused.status_code == 429
            assert refused.json()["code"] == "too_many_requests"
            assert int(refused.headers["Retry-After"]) >= 1
            waits = []
            for _ in range(8):
                harness.clock.advance(float((await guess(attacker)).headers["Retry-After"]) + 0.1)
                assert (await guess(attacker)).status_code == 401
                waits.append(int((await guess(attacker)).headers["Retry-After"]))
            assert waits == sorted(waits)
            assert waits[-1] <= 60
            # The owner gets in from where she is, at once, and so does everybody else.
            await harness.log_in("ada@example.org")
            await harness.log_in("bob@example.org")


async def test_many_addresses_guess_no_faster_than_the_account_allows(tmp_path: Path) -> None:
    async with open_gateway(tmp_path) as harness:
        await harness.sign_up("ada@example.org")
        harness.clock.hold()
        answers = []
        for number in range(40):
            transport = httpx.ASGITransport(
                harness.gateway.public, client=(f"203.0.113.{number}", 1)
            )
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as attacker:
                body = {"email": "ada@example.org", "password": "a wrong sentence"}
                answers.append((await attacker.post("/v1/sessions", json=body)).status_code)
        assert answers == [401] * 30 + [429] * 10
        await harness.log_in("ada@example.org")


async def test_a_flood_from_many_addresses_leaves_room_for_known_ones(tmp_path: Path) -> None:
    """S6: guesses wait in a short line, and whoever logged in before waits in front of it."""
    async with open_gateway(tmp_path) as harness:
        ada = await harness.sign_up()
        flood = [
            httpx.AsyncClient(
                transport=httpx.ASGITransport(
                    harness.gateway.public, client=(f"203.0.113.{number}", 1)
                ),
                base_url="http://localhost",
            )
            for number in range(60)
        ]

        async def guess(client: httpx.AsyncClient, number: int) -> int:
            body = {"email": f"{number}@example.org", "password": "a wrong sentence"}
            return (await client.post("/v1/sessions", json=body)).status_code

        flooding = [asyncio.create_task(guess(address, n)) for n, address in enumerate(flood)]
        await eventually(lambda: any(task.done() for task in flooding), what="the first answer")
        assert not all(task.done() for task in flooding)
        await harness.log_in(ada.email)
        statuses = await asyncio.gather(*flooding)
        assert set(statuses) == {401, 429}
        assert statuses.count(429) > statuses.count(401)
        for client in flood:
            await client.aclose()


async def test_logins_and_registrations_from_one_address_are_bounded(tmp_path: Path) -> None:
    settings = {"logins_per_minute": 5, "accounts_per_hour": 3}
    async with open_gateway(tmp_path, settings=settings) as harness:
        harness.clock.hold()
        answers = [
            await harness.client.post(
                "/v1/accounts", json={"email": f"{n}@example.org", "password": PASSWORD}
            )
            for n in range(4)
        ]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
        assert 1100 <= int(answers[-1].headers["Retry-After"]) <= 1200
        tries = [
            await harness.client.post(
                "/v1/sessions",
                json={"email": f"{n}@example.org", "password": PASSWORD},
                headers={"X-Forwarded-For": f"192.0.2.{n}", "Forwarded": f"for=192.0.2.{n}"},
            )
            for n in range(6)
        ]
        assert tries[-1].status_code == 429, "a header was believed about who calls"


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/accounts"])
async def test_a_network_of_ipv6_counts_as_one_address(tmp_path: Path, path: str) -> None:
    settings = {"logins_per_minute": 3, "accounts_per_hour": 3}
    async with open_gateway(tmp_path, settings=settings) as harness:
        harness.clock.hold()

        async def ask(address: str, number: int) -> int:
            transport = httpx.ASGITransport(harness.gateway.public, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as who:
                body = {"email": f"{number}@example.org", "password": PASSWORD}
                return (await who.post(path, json=body)).status_code

        first = [await ask(f"2001:db8:0:1::{n}", n) for n in range(1, 5)]
        assert 429 not in first[:3]
        assert first[3] == 429
        assert await ask("2001:db8:0:2::1", 9) != 429
        # One address of IPv4 is the same, however it is written.
        for number in range(3):
            assert await ask("::ffff:198.51.100.7", 20 + number) != 429
        assert await ask("198.51.100.7", 30) == 429


async def test_a_refresh_token_works_once(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    pair = (await refresh(harness, ada.refresh)).json()
    assert pair["access_token"] != ada.access
    assert pair["refresh_token"] != ada.refresh
    head = {"Authorization": f"Bearer {pair['access_token']}"}
    assert (await harness.client.get("/v1/account", headers=head)).status_code == 200
    third = await refresh(harness, pair["refresh_token"])
    assert third.status_code == 201


async def test_a_lost_answer_is_no_theft(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    first = await refresh(harness, ada.refresh)
    harness.clock.advance(5)
    second = await refresh(harness, ada.refresh)
    assert second.status_code == 201
    for pair in (first.json(), second.json()):
        assert (await refresh(harness, pair["refresh_token"])).status_code == 201


async def test_a_token_used_many_times_within_its_grace_gives_one_session(
    harness: GatewayHarness,
) -> None:
    ada = await harness.sign_up()
    answers = await asyncio.gather(*(refresh(harness, ada.refresh) for _ in range(10)))
    assert [answer.status_code for answer in answers] == [201] * 10
    (following,) = {answer.json()["refresh_token"] for answer in answers}
    harness.clock.advance(11)
    assert (await refresh(harness, following)).status_code == 201
    # Whoever else kept it is noticed at the first use after the grace.
    harness.clock.advance(11)
    assert (await refresh(harness, following)).status_code == 401
    assert (await harness.client.get("/v1/account", headers=ada.head)).status_code == 401


async def test_a_second_use_ends_the_whole_session(
    harness: GatewayHarness, caplog: pytest.LogCaptureFixture
) -> None:
    ada = await harness.sign_up()
    other = await harness.log_in(ada.email)
    stolen = (await refresh(harness, ada.refresh)).json()
    harness.clock.advance(11)
    assert (await refresh(harness, ada.refresh)).status_code == 401
    # Neither the thief's nor the owner's goes on, at once; another session of the account does.
    assert (await refresh(harness, stolen["refresh_token"])).status_code == 401
    for access in (ada.access, stolen["access_token"]):
        head = {"Authorization": f"Bearer {access}"}
        assert (await harness.client.get("/v1/account", headers=head)).status_code == 401
    assert (await refresh(harness, other.refresh)).status_code == 201
    assert any(getattr(record, "event", "") == "token.reused" for record in caplog.records)


async def test_refreshing_ends_after_30_days(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    token = ada.refresh
    for _ in range(29):
        harness.clock.advance(86_400)
        token = (await refresh(harness, token)).json()["refresh_token"]
    harness.clock.advance(86_400 + 1)
    assert (await refresh(harness, token)).status_code == 401


async def test_what_is_no_refresh_token(harness: GatewayHarness) -> None:
    assert (await refresh(harness, "x" * 43)).status_code == 401
    for token in ("x" * 19, "x" * 201, ""):
        assert (await refresh(harness, token)).status_code == 422


async def test_an_access_token_ends(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    harness.clock.advance(15 * 60 + 10)
    answer = await harness.client.get("/v1/account", headers=ada.head)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


async def test_logging_out_ends_every_session_at_once(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    other = await harness.log_in(ada.email)
    for user in (ada, other):
        assert (await harness.client.get("/v1/items", headers=user.head)).status_code == 200
    assert (await harness.client.delete("/v1/sessions", headers=ada.head)).status_code == 204
    for user in (ada, other):
        for path in ("/v1/account", "/v1/items"):
            assert (await harness.client.get(path, headers=user.head)).status_code == 401
        assert (await refresh(harness, user.refresh)).status_code == 401


async def test_a_new_password_ends_every_session(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    other = await harness.log_in(ada.email)
    path, new = "/v1/account/password", "another sentence"
    wrong = {"current": "not this one", "new": new}
    assert (await harness.client.put(path, json=wrong, headers=ada.head)).status_code == 422
    common = {"current": PASSWORD, "new": "password123"}
    assert (await harness.client.put(path, json=common, headers=ada.head)).status_code == 422
    good = {"current": PASSWORD, "new": new}
    assert (await harness.client.put(path, json=good, headers=ada.head)).status_code == 204
    for user in (ada, other):
        assert (await harness.client.get("/v1/account", headers=user.head)).status_code == 401
        assert (await refresh(harness, user.refresh)).status_code == 401
    body = {"email": ada.email, "password": PASSWORD}
    assert (await harness.client.post("/v1/sessions", json=body)).status_code == 401
    await harness.log_in(ada.email, password=new)


@pytest.mark.parametrize(("keep", "status"), [(None, 401), (False, 401), (True, 200)])
async def test_a_new_password_removes_keys_unless_they_are_kept(
    harness: GatewayHarness, keep: bool | None, status: int
) -> None:
    ada = await harness.sign_up()
    body: dict[str, object] = {"name": "k", "scopes": ["catalogue:read"]}
    key = (await harness.client.post("/v1/keys", json=body, headers=ada.head)).json()["key"]
    head = {"Authorization": f"Bearer {key}"}
    assert (await harness.client.get("/v1/items", headers=head)).status_code == 200
    body = {"current": PASSWORD, "new": "another sentence"}
    if keep is not None:
        body["keep_keys"] = keep
    changed = await harness.client.put("/v1/account/password", json=body, headers=ada.head)
    assert changed.status_code == 204
    assert (await harness.client.get("/v1/items", headers=head)).status_code == status


async def test_of_two_changes_of_a_password_one_is_made(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    bodies = [{"current": PASSWORD, "new": f"another sentence {n}"} for n in range(4)]
    answers = await asyncio.gather(
        *(harness.client.put("/v1/account/password", json=b, headers=ada.head) for b in bodies)
    )
    assert [answer.status_code for answer in answers].count(204) == 1


async def test_no_secret_is_stored_as_it_is(harness: GatewayHarness) -> None:
    ada = await harness.sign_up(password="a canary sentence")
    created = await harness.client.post(
        "/v1/keys", json={"name": "k", "scopes": ["catalogue:read"]}, headers=ada.head
    )
    ticket = await harness.client.post("/v1/events/tickets", headers=ada.head)
    stored = b"".join(path.read_bytes() for path in harness.folder.glob("gateway.db*"))
    assert ada.email.encode() in stored
    secret = created.json()["key"]
    for canary in ("a canary sentence", ada.refresh, secret, ticket.json()["ticket"], ada.access):
        assert canary.encode() not in stored


async def test_no_secret_is_logged(
    harness: GatewayHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ada = await harness.sign_up(password="a canary sentence")
    await refresh(harness, ada.refresh)
    await harness.client.post("/v1/sessions", json={"email": ada.email, "password": "canary 2"})
    lines = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "login.ok" in lines
    assert "login.failed" in lines
    own = "\n".join(line for line in lines.splitlines() if "'name': 'gateway" in line)
    for canary in ("a canary sentence", "canary 2", ada.refresh, ada.access, ada.email):
        assert canary not in own


async def test_on_postgres_as_on_sqlite(tmp_path: Path, postgres_url: str) -> None:
    async with open_gateway(tmp_path, database=postgres_url) as harness:
        bodies = [{"email": f"{n}@example.org", "password": PASSWORD} for n in range(6)]
        answers = await asyncio.gather(
            *(harness.client.post("/v1/accounts", json=b) for b in bodies)
        )
        assert sorted(answer.json()["admin"] for answer in answers) == [False] * 5 + [True]
        ada = await harness.log_in("0@example.org")
        twice = await harness.client.post("/v1/accounts", json=bodies[0])
        assert twice.status_code == 201
        both = await asyncio.gather(refresh(harness, ada.refresh), refresh(harness, ada.refresh))
        assert [answer.status_code for answer in both] == [201, 201]
        harness.clock.advance(11)
        assert (await refresh(harness, ada.refresh)).status_code == 401
        assert (await harness.client.get("/v1/account", headers=ada.head)).status_code == 401
        ada = await harness.log_in("0@example.org")
        ticket = (await harness.client.post("/v1/events/tickets", headers=ada.head)).json()
        assert ticket["expires_in"] <= 30
        good = {"password": PASSWORD}
        gone = await harness.client.request("DELETE", "/v1/account", json=good, headers=ada.head)
        assert gone.status_code == 204
