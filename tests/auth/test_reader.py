"""S3, T20: published keys are cached, rotated, and not fetched more often because somebody asks."""

import asyncio
import base64
import json
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.identity import Audience, Scope
from contracts.ids import OwnerId, UserId
from kit.auth.jwk import Jwk, SigningKey, key_set, make_pem, signing_key
from kit.auth.reader import MAX_AGE, REFETCH, HttpKeys, KeysUnavailable, TokenReader
from kit.auth.tokens import BadToken, UnknownKey, sign
from kit.clock import new_id
from tests.support.clock import ManualClock


class Source:
    """A key set that can be changed and taken away."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = keys
        self.away = False
        self.fetches = 0

    async def fetch(self) -> dict[str, Jwk]:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.away:
            raise KeysUnavailable("away")
        return {key.kid: key.jwk() for key in self.keys}


def key(clock: ManualClock, name: str) -> SigningKey:
    now = clock.now()
    return SigningKey(name, make_pem(), now, now + timedelta(days=1))


def token(signer: SigningKey, clock: ManualClock) -> str:
    user = new_id()
    return sign(
        signer,
        user=UserId(user),
        owner=OwnerId(user),
        scopes=frozenset({Scope.READ}),
        admin=False,
        audience=Audience.LIBRARY,
        life=timedelta(seconds=60),
        now=clock.now(),
    )


def reader(source: Source, clock: ManualClock) -> TokenReader:
    return TokenReader(source, audience=Audience.LIBRARY, clock=clock)


async def test_a_flood_of_unknown_keys_fetches_once_in_30_seconds() -> None:
    clock = ManualClock()
    good = key(clock, "good")
    source = Source(good)
    reads = reader(source, clock)
    await reads.read(token(good, clock))
    assert source.fetches == 1
    began, flood = clock.monotonic(), token(key(clock, "x"), clock)
    rest = flood.split(".", 1)[1]
    for number in range(10_000):
        with pytest.raises(UnknownKey):
            await reads.read(f"{token_head(f'flood-{number}')}.{rest}")
    took = clock.monotonic() - began
    assert source.fetches <= 1 + took / REFETCH + 1
    await reads.read(token(good, clock))


def token_head(kid: str) -> str:
    """Return the head of a token that names a key."""
    text = json.dumps({"alg": "ES256", "typ": "at+jwt", "kid": kid}).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


async def test_many_at_once_fetch_once() -> None:
    clock = ManualClock()
    good = key(clock, "good")
    source = Source(good)
    reads = reader(source, clock)
    await asyncio.gather(*(reads.read(token(good, clock)) for _ in range(50)))
    assert source.fetches == 1


async def test_a_failure_never_clears_what_is_known() -> None:
    clock = ManualClock()
    good, new = key(clock, "good"), key(clock, "new")
    source = Source(good)
    reads = reader(source, clock)
    await reads.read(token(good, clock))
    source.away = True
    for _ in range(5):
        clock.advance(REFETCH + 1)
        with pytest.raises(UnknownKey):
            await reads.read(token(new, clock))
        await reads.read(token(good, clock))
    source.away, source.keys = False, (good, new)
    clock.advance(REFETCH + 1)
    await reads.read(token(new, clock))


async def test_a_reader_without_keys_reports_it_and_recovers() -> None:
    clock = ManualClock()
    good = key(clock, "good")
    source = Source(good)
    source.away = True
    reads = reader(source, clock)
    with pytest.raises(KeysUnavailable):
        await reads.read(token(good, clock))
    source.away = False
    await reads.read(token(good, clock))


async def test_a_retired_key_is_forgotten_with_the_tokens_it_signed() -> None:
    clock = ManualClock()
    stolen, new = key(clock, "stolen"), key(clock, "new")
    source = Source(stolen, new)
    reads = reader(source, clock)
    await reads.read(token(stolen, clock))
    source.keys = (new,)
    clock.advance(MAX_AGE + 1)
    forged = token(stolen, clock)
    with pytest.raises(BadToken):
        await reads.read(forged)
    await reads.read(token(new, clock))


async def test_a_verified_token_is_not_remembered_beyond_its_end() -> None:
    clock = ManualClock()
    good = key(clock, "good")
    reads = reader(Source(good), clock)
    access_token = token(good, clock)
    await reads.read(access_token)
    await reads.read(access_token)
    clock.advance(70)
    with pytest.raises(BadToken):
        await reads.read(access_token)


async def test_callers_never_notice_a_rotation() -> None:
    """Publish, wait twice the cache's age, sign, retire: 200 requests a second, no 401."""
    clock = ManualClock()
    keys = [SigningKey("0", make_pem(), clock.now(), clock.now() + timedelta(hours=1))]
    source = Source()
    reads = reader(source, clock)
    turns = 0
    for _ in range(4_000):
        now = clock.now()
        newest = keys[-1]
        if now >= newest.signs_from + timedelta(seconds=600):
            turns += 1
            starts = now + timedelta(seconds=600)
            ends = starts + timedelta(seconds=600 + 600 + 900)
            keys.append(SigningKey(str(turns), make_pem(), starts, ends))
        source.keys = tuple(key for key in keys if key.retires > now)
        await reads.read(token(signing_key(tuple(keys), now), clock))
        clock.advance(3.0)
    assert turns >= 5
    assert len(key_set(tuple(keys), clock.now())["keys"]) in (2, 3, 4)


async def test_keys_come_over_http() -> None:
    clock = ManualClock()
    good = key(clock, "good")
    broken = False

    async def published(request: Request) -> Response:
        return Response("oops", 200) if broken else JSONResponse(key_set((good,), clock.now()))

    app = Starlette(routes=[Route("/.well-known/jwks.json", published)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        keys = HttpKeys(client)
        assert await keys.fetch() == {"good": good.jwk()}
        broken = True
        with pytest.raises(KeysUnavailable):
            await keys.fetch()
