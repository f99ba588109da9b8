"""Shared collections: who reads, who arranges, and that nobody does more (S8)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from contracts.collections import LinkAccess, ShareRole
from contracts.identity import Principal, Scope
from contracts.ids import OwnerId
from services.library import access
from services.library.access import Action, SharedRole, may
from services.library.collections.tables import (
    CollectionItemRow,
    CollectionLinkRow,
    CollectionRow,
    CollectionShareRow,
)
from services.library.tags.tables import ItemTagRow
from tests.library.catalogue import UNKNOWN, Catalogue, User
from tests.library.collections.crate import events, order, refused, samples


async def shared_collection(catalogue: Catalogue) -> tuple[User, str, str]:
    """Return an owner, a collection with one whole item, and the item."""
    owner = catalogue.user()
    item = await owner.track()
    id_ = (await owner.post("/collections", {"name": "Kicks", "note": "secret"}))["id"]
    await owner.post(f"/collections/{id_}/items", {"items": [item]})
    return owner, id_, item


async def share(owner: User, id_: str, user: User, role: str) -> Any:
    path = f"/v1/collections/{id_}/shares/{user.owner}"
    answer = await owner.http.put(path, json={"role": role})
    assert answer.is_success, answer.text
    return answer.json()


def reads(id_: str, item: str, artifact: str) -> Iterator[str]:
    path = f"/v1/collections/{id_}"
    yield path
    yield f"{path}/items"
    yield f"{path}/items/{item}/artifacts"
    yield f"{path}/items/{item}/artifacts/{artifact}/download"
    yield f"{path}/clearance"
    yield f"{path}/clearance?format=csv"


def arranges(id_: str, item: str) -> Iterator[tuple[str, str, Any]]:
    path = f"/v1/collections/{id_}/items"
    yield "post", path, {"items": [item]}
    yield "post", f"{path}/move", {"items": [item]}
    yield "post", f"{path}/remove", {"items": [item]}


def owners_only(id_: str, account: str) -> Iterator[tuple[str, str, Any]]:
    path = f"/v1/collections/{id_}"
    yield "patch", path, {"name": "mine now"}
    yield "get", f"{path}/shares", None
    yield "get", f"{path}/links", None
    yield "post", f"{path}/links", {}
    yield "delete", f"{path}/links/{UNKNOWN}", None
    yield "put", f"{path}/shares/{account}", {"role": "editor"}
    yield "delete", f"{path}/shares/{UNKNOWN}", None
    yield "delete", path, None


async def statuses(user: User, requests: Iterator[tuple[str, str, Any]]) -> set[int]:
    return {
        (await user.http.request(method, path, json=body)).status_code
        for method, path, body in requests
    }


async def test_a_viewer_reads_and_changes_nothing(catalogue: Catalogue) -> None:
    owner, id_, item = await shared_collection(catalogue)
    viewer, stranger = catalogue.user(), catalogue.user()
    artifact = (await owner.get(f"/items/{item}/artifacts"))["items"][0]["id"]
    await owner.http.patch(f"/v1/items/{item}", json={"rating": 5})
    await share(owner, id_, viewer, "viewer")
    for path in reads(id_, item, artifact):
        assert (await viewer.http.get(path)).status_code == 200, path
        assert (await owner.http.get(path)).status_code == 200, path
        assert (await stranger.http.get(path)).status_code == 404, path
    shown = await viewer.get(f"/collections/{id_}")
    assert (shown["role"], shown["note"], shown["items"]) == ("viewer", "secret", 1)
    (member,) = (await viewer.get(f"/collections/{id_}/items"))["items"]
    assert (member["item"]["id"], member["item"]["rating"]) == (item, None)
    for requests in (arranges(id_, item), owners_only(id_, viewer.owner)):
        assert await statuses(viewer, requests) == {404}
    # The item itself stays the owner's alone, and so does all that is not in the collection.
    for method, path in (("get", ""), ("patch", ""), ("delete", ""), ("put", "/favourite")):
        answer = await viewer.http.request(method, f"/v1/items/{item}{path}", json={"name": "x"})
        assert answer.status_code == 404
    assert (await viewer.http.get(f"/v1/artifacts/{artifact}/download")).status_code == 404
    other = await samples(catalogue, owner, 1)
    path = f"/v1/collections/{id_}/items/{other[0]}/artifacts"
    assert (await viewer.http.get(path)).status_code == 404
    path = f"/v1/collections/{id_}/items/{item}/artifacts/{UNKNOWN}/download"
    assert (await viewer.http.get(path)).status_code == 404
    assert [row["id"] for row in (await viewer.get("/shared"))["items"]] == [id_]
    assert id_ not in [row["id"] for row in (await viewer.get("/collections"))["items"]]
    assert (await stranger.get("/shared"))["items"] == []
    assert (await owner.get("/shared"))["items"] == []


async def test_an_editor_arranges_and_adds_own_items(catalogue: Catalogue) -> None:
    owner, id_, item = await shared_collection(catalogue)
    editor, viewer = catalogue.user(), catalogue.user()
    await share(owner, id_, editor, "editor")
    await share(owner, id_, viewer, "viewer")
    own = await samples(catalogue, editor, 2)
    (hidden,) = await samples(catalogue, owner, 1)
    path = f"/collections/{id_}/items"
    assert await statuses(editor, owners_only(id_, editor.owner)) == {404}
    await editor.post(path, {"items": own, "before": item})
    for user in (owner, editor, viewer):
        assert await order(user, id_) == [*own, item]
    # An id that an editor knows does not open an item that is not shared.
    answer = await editor.http.post(f"/v1{path}", json={"items": [hidden]})
    assert await refused(answer) == (404, "not_found")
    await editor.post(f"{path}/move", {"items": [item], "before": own[0]})
    await editor.post(f"{path}/remove", {"items": [own[0]]})
    assert await order(viewer, id_) == [item, own[1]]
    edit = {"edits": [{"items": [own[0]], "collections": [id_]}]}
    assert (await editor.post("/items/edit", edit))["failed"] == 0
    assert await order(viewer, id_) == [item, own[1], own[0]]
    # What an editor added is changed by the editor alone.
    answer = await owner.http.patch(f"/v1/items/{own[0]}", json={"name": "x"})
    assert answer.status_code == 404
    await editor.http.delete(f"/v1/items/{own[0]}?permanently=true")
    assert await order(owner, id_) == [item, own[1]]
    changes = [event["change"] for event in await events(owner, "collection.changed")]
    assert changes == ["created", "items", "items", "items", "items", "items"]
    assert await events(editor, "collection.changed") == []


async def test_a_share_ends_at_once(catalogue: Catalogue) -> None:
    owner, id_, _ = await shared_collection(catalogue)
    viewer, other = catalogue.user(), catalogue.user()
    for user in (viewer, other):
        await share(owner, id_, user, "editor")
    assert (await share(owner, id_, viewer, "viewer"))["role"] == "viewer"
    listed = (await owner.get(f"/collections/{id_}/shares"))["items"]
    assert {row["account"]: row["role"] for row in listed} == {
        viewer.owner: "viewer",
        other.owner: "editor",
    }
    # The owner ends one, and an account leaves by itself.
    for user, path in ((owner, viewer.owner), (other, other.owner)):
        answer = await user.http.delete(f"/v1/collections/{id_}/shares/{path}")
        assert answer.status_code == 204
    for user in (viewer, other):
        assert (await user.http.get(f"/v1/collections/{id_}")).status_code == 404
    assert (await owner.get(f"/collections/{id_}/shares"))["items"] == []
    answer = await owner.http.put(
        f"/v1/collections/{id_}/shares/{owner.owner}", json={"role": "viewer"}
    )
    assert await refused(answer) == (409, "conflict")
    for name in ("favourites", "tray"):
        answer = await owner.http.put(
            f"/v1/collections/{name}/shares/{viewer.owner}", json={"role": "viewer"}
        )
        assert await refused(answer) == (409, "conflict")


async def test_a_link_is_opened_until_it_is_revoked_or_expires(catalogue: Catalogue) -> None:
    owner, id_, item = await shared_collection(catalogue)
    viewer, editor, late = catalogue.user(), catalogue.user(), catalogue.user()
    await share(owner, id_, editor, "editor")
    link = await owner.post(f"/collections/{id_}/links", {"days": 1})
    assert len(link["secret"]) >= 48
    # Secrets may begin with any sign of base64, which a command line would take for an option.
    assert link["secret"].startswith("link_")
    async with catalogue.database.session() as session:
        rows = list(await session.scalars(select(CollectionLinkRow)))
    assert link["secret"] not in str(rows)
    listed = (await owner.get(f"/collections/{id_}/links"))["items"]
    assert [row["id"] for row in listed] == [link["id"]]
    assert "secret" not in listed[0]
    body = {"secret": link["secret"]}
    for _ in range(2):
        assert (await viewer.post("/shared", body))["role"] == "viewer"
    assert (await editor.post("/shared", body))["role"] == "editor"
    assert (await owner.post("/shared", body))["role"] == "owner"
    assert await order(viewer, id_) == [item]
    answer = await viewer.http.post(f"/v1/collections/{id_}/items/remove", json={"items": [item]})
    assert answer.status_code == 404
    shares = (await owner.get(f"/collections/{id_}/shares"))["items"]
    assert {row["account"]: row["link"] for row in shares} == {
        viewer.owner: link["id"],
        editor.owner: None,
    }
    wrong = await late.http.post("/v1/shared", json={"secret": link["secret"][:-1] + "-"})
    assert await refused(wrong) == (404, "not_found")
    # What has expired opens nothing and shows nothing.
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with catalogue.database.transaction() as session:
        await session.execute(update(CollectionLinkRow).values(expires=past))
        await session.execute(
            update(CollectionShareRow)
            .where(CollectionShareRow.link == link["id"])  # type: ignore[arg-type]
            .values(expires=past)
        )
    assert (await viewer.http.get(f"/v1/collections/{id_}")).status_code == 404
    assert (await viewer.get("/shared"))["items"] == []
    assert (await late.http.post("/v1/shared", json=body)).status_code == 404
    assert (await owner.get(f"/collections/{id_}/links"))["items"] == []
    assert [row["account"] for row in (await owner.get(f"/collections/{id_}/shares"))["items"]] == [
        editor.owner
    ]
    # A new link opens it again; to revoke it ends what was opened with it, and nothing else.
    link = await owner.post(f"/collections/{id_}/links", {})
    await viewer.post("/shared", {"secret": link["secret"]})
    answer = await owner.http.delete(f"/v1/collections/{id_}/links/{link['id']}")
    assert answer.status_code == 204
    for user, status in ((viewer, 404), (editor, 200)):
        assert (await user.http.get(f"/v1/collections/{id_}")).status_code == status
    answer = await late.http.post("/v1/shared", json={"secret": link["secret"]})
    assert answer.status_code == 404


async def test_shares_go_with_the_collection(catalogue: Catalogue) -> None:
    owner, id_, _ = await shared_collection(catalogue)
    viewer = catalogue.user()
    await share(owner, id_, viewer, "viewer")
    await owner.post(f"/collections/{id_}/links", {})
    await owner.http.delete(f"/v1/collections/{id_}")
    assert (await viewer.get("/shared"))["items"] == []
    async with catalogue.database.session() as session:
        for table in (CollectionLinkRow, CollectionShareRow):
            assert list(await session.scalars(select(table))) == []


async def test_an_account_that_is_deleted_leaves_nothing(catalogue: Catalogue) -> None:
    owner, id_, _ = await shared_collection(catalogue)
    editor = catalogue.user()
    await share(owner, id_, editor, "editor")
    link = await owner.post(f"/collections/{id_}/links", {})
    (added,) = await samples(catalogue, editor, 1)
    await editor.post(f"/collections/{id_}/items", {"items": [added]})
    await editor.http.put(f"/v1/items/{added}/tags/dusty")
    await editor.http.put(f"/v1/items/{added}/favourite")
    await editor.post("/collections", {"name": "mine", "cover": {"item": added}})
    await catalogue.server.deletions.delete_owner(OwnerId(editor.owner))
    assert added not in await order(owner, id_)
    assert (await owner.get(f"/collections/{id_}/shares"))["items"] == []
    await catalogue.server.deletions.delete_owner(OwnerId(owner.owner))
    viewer = catalogue.user()
    answer = await viewer.http.post("/v1/shared", json={"secret": link["secret"]})
    assert answer.status_code == 404
    async with catalogue.database.session() as session:
        for table in (
            *(CollectionRow, CollectionItemRow, CollectionShareRow),
            *(CollectionLinkRow, ItemTagRow),
        ):
            assert list(await session.scalars(select(table))) == [], table


def principal(owner: str, *scopes: Scope) -> Principal:
    now = datetime.now(UTC)
    return Principal(user=owner, owner=owner, scopes=frozenset(scopes), token="t", expires=now)


ALLOWED: dict[Action, set[SharedRole | None]] = {
    Action.READ: {ShareRole.VIEWER, ShareRole.EDITOR},
    Action.LISTEN: {*ShareRole, LinkAccess.LISTEN, LinkAccess.DOWNLOAD},
    Action.DOWNLOAD: {*ShareRole, LinkAccess.DOWNLOAD},
    Action.ARRANGE: {ShareRole.EDITOR},
    Action.WRITE: set(),
    Action.RUN: set(),
}


def faults(decide: Callable[..., bool]) -> list[str]:
    """Return the decisions about every action, role and scope that are wrong."""
    now = datetime.now(UTC)
    row = CollectionRow(
        id="c", owner=UNKNOWN, kind="collection", name="n", created=now, updated=now
    )
    stranger = UNKNOWN.replace("9", "8")
    wrong = []
    for action, role in product(Action, (None, *ShareRole, *LinkAccess)):
        others = set(Scope) - {action.scope}
        for caller, expected in (
            (principal(stranger, *Scope), role in ALLOWED[action]),
            (principal(stranger, *others), False),
            (principal(UNKNOWN, action.scope), True),
            (principal(UNKNOWN, *others), False),
        ):
            if decide(caller, action, row, role=role) != expected:
                wrong.append(f"{action} as {role} of {caller.owner}")
    return wrong


def test_an_owner_a_role_and_a_stranger_may_what_the_table_says() -> None:
    assert faults(may) == []


@pytest.mark.parametrize(
    ("check", "replacement"),
    [
        ("if action.scope not in principal.scopes:", "if False:"),
        ("subject.owner == principal.owner or ", ""),
        ("subject.owner == principal.owner or ", "True or "),
        (" or role in action.roles", ""),
        (" or role in action.roles", " or role is not None"),
        ("(Scope.WRITE, frozenset({ShareRole.EDITOR}))", "(Scope.WRITE, frozenset(ShareRole))"),
        ("RUN = (Scope.JOBS, frozenset[SharedRole]())", "RUN = (Scope.JOBS, frozenset(ShareRole))"),
        ("_SHARES | {LinkAccess.DOWNLOAD}", "_SHARES | _LINKS"),
        ("READ = (Scope.READ, _SHARES)", "READ = (Scope.READ, _SHARES | _LINKS)"),
        ("frozenset({LinkAccess.LISTEN, LinkAccess.DOWNLOAD})", "frozenset(LinkAccess)"),
        ("ARRANGE = (Scope.WRITE,", "ARRANGE = (Scope.READ,"),
    ],
)
def test_a_dropped_check_is_noticed(check: str, replacement: str) -> None:
    source = Path(access.__file__).read_text(encoding="utf-8")
    assert source.count(check) == 1
    mutant: dict[str, Any] = {"__name__": "mutant"}
    exec(source.replace(check, replacement), mutant)
    by_name = mutant["Action"]

    def decide(caller: Principal, action: Action, *rest: Any, **named: Any) -> bool:
        return bool(mutant["may"](caller, by_name[action.name], *rest, **named))

    assert faults(decide)
