"""S10, T19, T20: every operation of the merged description, asked by who may not."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from contracts import collections, identity
from contracts.admin import AccountChange
from contracts.corrections import CorrectionPut
from contracts.cuts import CutsPatch
from contracts.imports import ImportCreate
from contracts.item_edits import BulkEdit
from contracts.items import ItemEdit
from contracts.jobs import JobCreate
from contracts.maps import MapEdit
from contracts.multitracks import MultitrackCreate
from contracts.pipelines import PipelineSpec, RunCreate
from contracts.saved_searches import SavedSearchCreate, SavedSearchEdit
from contracts.similarity import QuerySoundCreate, SimilaritySearch
from contracts.teaching import ProposalsConfirm, TagAnswers, TaughtTagEdit, TaughtTagFile
from contracts.uploads import UploadCreate
from contracts.waveforms import WaveformRequest
from contracts.webhooks import WebhookCreate, WebhookEdit, WebhookReplay
from gateway.documentation import render
from gateway.openapi import EXAMPLES, METHODS, merged_openapi
from tests.gateway.gateway_harness import GatewayHarness

UNKNOWN = "01920000-0000-7000-8000-000000000000"
BODIES: dict[tuple[str, str], type[BaseModel]] = {
    ("post", "/v1/accounts"): identity.AccountCreate,
    ("post", "/v1/sessions"): identity.SessionCreate,
    ("post", "/v1/sessions/refresh"): identity.SessionRefresh,
    ("post", "/v1/sessions/one-time"): identity.SignInCode,
    ("post", "/v1/sign-in/{provider}/device/session"): identity.DeviceCode,
    ("put", "/v1/account/password"): identity.PasswordChange,
    ("delete", "/v1/account"): identity.AccountDelete,
    ("post", "/v1/keys"): identity.KeyCreate,
    ("post", "/v1/invitations"): identity.InvitationCreate,
    ("patch", "/v1/admin/accounts/{account}"): AccountChange,
    ("post", "/v1/uploads"): UploadCreate,
    ("patch", "/v1/items/{item}"): ItemEdit,
    ("post", "/v1/items/edit"): BulkEdit,
    ("put", "/v1/items/{item}/corrections/{field}"): CorrectionPut,
    ("patch", "/v1/items/{item}/cuts"): CutsPatch,
    ("post", "/v1/multitracks"): MultitrackCreate,
    ("post", "/v1/collections"): collections.CollectionCreate,
    ("patch", "/v1/collections/{collection}"): collections.CollectionEdit,
    ("post", "/v1/collections/{collection}/items"): collections.CollectionAdd,
    ("post", "/v1/collections/{collection}/items/move"): collections.CollectionMove,
    ("post", "/v1/collections/{collection}/items/remove"): collections.CollectionRemove,
    ("put", "/v1/collections/{collection}/shares/{account}"): collections.CollectionShareEdit,
    ("post", "/v1/collections/{collection}/links"): collections.CollectionLinkCreate,
    ("post", "/v1/shared"): collections.LinkOpen,
    ("post", "/v1/imports"): ImportCreate,
    ("put", "/v1/tray/{place}"): collections.TrayPlaceEdit,
    ("post", "/v1/saved-searches"): SavedSearchCreate,
    ("patch", "/v1/saved-searches/{search}"): SavedSearchEdit,
    ("post", "/v1/waveforms"): WaveformRequest,
    ("post", "/v1/search/similar"): SimilaritySearch,
    ("post", "/v1/query-sounds"): QuerySoundCreate,
    ("patch", "/v1/taught-tags/{tag}"): TaughtTagEdit,
    ("post", "/v1/taught-tags/{tag}/answers"): TagAnswers,
    ("post", "/v1/taught-tags/{tag}/proposals/confirm"): ProposalsConfirm,
    ("post", "/v1/taught-tags/import"): TaughtTagFile,
    ("put", "/v1/maps/{name}"): MapEdit,
    ("post", "/v1/jobs"): JobCreate,
    ("post", "/v1/runs"): RunCreate,
    ("post", "/v1/pipelines"): PipelineSpec,
    ("put", "/v1/pipelines/{name}"): PipelineSpec,
    ("post", "/v1/webhooks"): WebhookCreate,
    ("patch", "/v1/webhooks/{webhook}"): WebhookEdit,
    ("post", "/v1/webhooks/{webhook}/replay"): WebhookReplay,
}


async def described(harness: GatewayHarness) -> dict[str, Any]:
    answer = await harness.client.get("/openapi.json")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method, path, methods[method]


def filled(path: str) -> str:
    path = path.replace("{field}", "tempo").replace("{version}", "1")
    return re.sub(r"\{name\}", "nothing", re.sub(r"\{(?!name)\w+\}", UNKNOWN, path))


async def ask(
    harness: GatewayHarness, method: str, path: str, head: dict[str, str], **options: Any
) -> httpx.Response:
    return await harness.client.request(method.upper(), filled(path), headers=head, **options)


async def test_every_operation_declares_its_scope(harness: GatewayHarness) -> None:
    document = await described(harness)
    declared = list(operations(document))
    assert len(declared) >= 35
    scopes = {scope.value for scope in identity.Scope}
    anonymous = set()
    for method, path, operation in declared:
        assert "security" in operation, f"{method} {path} declares no scope"
        if operation["security"]:
            (needed,) = operation["security"]
            assert set(needed) == {"bearer"}, (method, path)
            assert needed["bearer"], (method, path)
            assert set(needed["bearer"]) <= scopes, (method, path)
        else:
            anonymous.add((method, path))
    assert anonymous == {
        ("post", "/v1/accounts"),
        ("post", "/v1/sessions"),
        ("post", "/v1/sessions/one-time"),
        ("post", "/v1/sessions/refresh"),
        ("get", "/v1/shared/{secret}"),
        ("get", "/v1/shared/{secret}/cover"),
        ("get", "/v1/shared/{secret}/items"),
        ("get", "/v1/shared/{secret}/items/{item}/audio"),
        ("get", "/v1/shared/{secret}/items/{item}/download"),
        ("get", "/v1/sign-in"),
        ("post", "/v1/sign-in/{provider}/device"),
        ("post", "/v1/sign-in/{provider}/device/session"),
    }


async def test_nothing_internal_is_described_or_reachable(harness: GatewayHarness) -> None:
    document = await described(harness)
    assert not [path for path in document["paths"] if not path.startswith("/v1/")]
    ada = await harness.sign_up()
    secret = harness.platform.settings.internal_secret.get_secret_value()
    for bearer in (ada.access, secret):
        head = {"Authorization": f"Bearer {bearer}"}
        for path in ("/internal/claims", "/v1/internal/claims", "/v1/../internal/claims"):
            answer = await harness.client.post(path, json={}, headers=head)
            assert answer.status_code in (401, 404), (path, answer.text)


async def test_without_credentials_every_route_answers_401_first(harness: GatewayHarness) -> None:
    expired = await harness.sign_up()
    harness.clock.advance(16 * 60)
    document = await described(harness)
    for method, path, operation in operations(document):
        if not operation["security"]:
            continue
        for head, code in (
            ({}, "unauthenticated"),
            ({"Authorization": "Bearer nonsense"}, "unauthenticated"),
            (expired.head, "token_expired"),
        ):
            # The query and the body are wrong as well, and that is not told.
            for options in ({}, {"params": {"limit": "x"}}, {"json": {"strange": True}}):
                answer = await ask(harness, method, path, head, **options)
                assert answer.status_code == 401, (method, path, options, answer.text)
                assert answer.json()["code"] == code
                assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_the_wrong_scope_gets_403_before_anything_else(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    keys = {}
    for scope in ("catalogue:read", "catalogue:write", "jobs:write"):
        body = {"name": scope, "scopes": [scope]}
        created = await harness.client.post("/v1/keys", json=body, headers=ada.head)
        keys[scope] = {"Authorization": f"Bearer {created.json()['key']}"}
    tried = 0
    for method, path, operation in operations(await described(harness)):
        needed = [scope for requirement in operation["security"] for scope in requirement["bearer"]]
        for scope, head in keys.items():
            if needed and scope not in needed:
                tried += 1
                answer = await ask(harness, method, path, head, json={"strange": True})
                assert answer.status_code == 403, (method, path, scope, answer.text)
                assert answer.json()["code"] == "forbidden"
    assert tried > 60


async def test_what_is_unknown_is_one_answer(harness: GatewayHarness) -> None:
    ada = await harness.sign_up()
    for method, path, operation in operations(await described(harness)):
        if "{" not in path or not operation["security"] or method in ("patch", "put"):
            continue
        body = {"json": EXAMPLES[method, path]} if (method, path) in BODIES else {}
        answer = await ask(harness, method, path, ada.head, **body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert answer.json()["code"] == "not_found"


async def test_every_refusal_is_described_as_a_problem(harness: GatewayHarness) -> None:
    document = await described(harness)
    names = set()
    for method, path, operation in operations(document):
        refused = {status for status in operation["responses"] if status >= "400"}
        assert {"401", "403", "404", "422", "429", "500", "503"} <= refused, (method, path)
        names.add(operation["operationId"])
    assert len(names) == len(list(operations(document))), "two operations have one name"
    for response in document["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]
    text = str(document)
    assert "HTTPValidationError" not in text
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", text))
    assert references <= set(document["components"]["schemas"])


async def test_every_body_has_an_example_that_is_taken(harness: GatewayHarness) -> None:
    document = await described(harness)
    bodies = {
        (method, path)
        for method, path, operation in operations(document)
        if operation.get("requestBody", {}).get("required")
    }
    assert bodies == set(BODIES) == set(EXAMPLES)
    for name, model in BODIES.items():
        assert model.model_validate(EXAMPLES[name])


async def test_the_description_is_at_both_addresses_and_readable(harness: GatewayHarness) -> None:
    document = await described(harness)
    assert (await harness.client.get("/v1/openapi.json")).json() == document
    page = await harness.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    plain = render(document)
    assert "<script" not in plain
    # Nothing of it is loaded from elsewhere; examples may hold addresses.
    assert not re.search(r"(src|href)=.?https?://|url\(", plain)
    for _, path, _ in operations(document):
        assert path in plain


def test_schemas_of_one_name_and_two_meanings_are_kept_apart() -> None:
    def document(path: str, shape: dict[str, Any]) -> dict[str, Any]:
        reference = {"$ref": "#/components/schemas/Page"}
        content = {"application/json": {"schema": reference}}
        operation = {"operationId": "x", "responses": {"200": {"content": content}}}
        return {
            "openapi": "3.1.0",
            "info": {"version": "1"},
            "paths": {path: {"get": operation}},
            "components": {"schemas": {"Page": shape, "Same": {"type": "string"}}},
        }

    merged = merged_openapi(
        document("/v1/a", {"type": "object"}), document("/v1/b", {"type": "array"})
    )
    schemas = merged["components"]["schemas"]
    assert schemas["Page"] == {"type": "object"}
    assert schemas["LibraryPage"] == {"type": "array"}
    answered = merged["paths"]["/v1/b"]["get"]["responses"]["200"]["content"]
    assert answered["application/json"]["schema"]["$ref"] == "#/components/schemas/LibraryPage"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/.well-known/jwks.json"])
async def test_what_operators_ask(harness: GatewayHarness, path: str) -> None:
    answer = await harness.client.get(path)
    assert answer.status_code == 200
    assert "private" not in answer.text.lower()
    if path.endswith("jwks.json"):
        assert all(
            set(key) == {"kty", "crv", "alg", "use", "kid", "x", "y"}
            for key in answer.json()["keys"]
        )


async def test_metrics_are_on_the_internal_port_only(harness: GatewayHarness) -> None:
    assert (await harness.client.get("/metrics")).status_code == 404
    assert (await harness.client.get("/v1/account")).status_code == 401
    assert harness.gateway.internal is not None
    transport = httpx.ASGITransport(harness.gateway.internal)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3") as operator:
        metrics = await operator.get("/metrics")
        assert metrics.status_code == 200
        assert 'http_request_duration_seconds_count{method="GET",status="401"}' in metrics.text
        assert (await operator.get("/readyz")).json()["ready"] is True
        assert (await operator.get("/v1/account")).status_code == 404
