# Made from _async/collections.py by make_sync.py: change that file.
"""Collections: ordered, nested lists of items, which can be shared."""

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Unpack

from cratedig import http, types
from cratedig._sync.resource import Resource
from cratedig.operations import Operation, idempotency_key


class Collections(Resource):
    """Create, fill, order, share and delete collections.

    `collection` is an id, or `favourites` or `tray` for the built-in ones.
    """

    def list(
        self,
        *,
        parent: str | None = None,
        item: str | None = None,
        page_size: int | None = None,
    ) -> Iterator[types.Collection]:
        """Yield the collections of the account, built-in ones first, then newest first.

        Parameters
        ----------
        parent
            Only collections that are nested in this one.
        item
            Only collections that hold this item.
        page_size
            How many are fetched at a time, at most 200.
        """
        query = {"parent": parent, "item": item, "limit": page_size}
        return self._connection.pages(
            Operation("GET", "/v1/collections", types.Page[types.Collection], query=query)
        )

    def create(
        self,
        name: str,
        *,
        note: str = "",
        cover: Mapping[str, str] | None = None,
        parent: str | None = None,
    ) -> types.Collection:
        """Create a collection.

        Parameters
        ----------
        cover
            `{"item": id}` or `{"artifact": id}`.
        parent
            The collection to nest it in.
        """
        body = {
            "name": name,
            "note": note,
            "cover": dict(cover) if cover else None,
            "parent": parent,
        }
        return self._connection.send(
            Operation(
                "POST", "/v1/collections", types.Collection, body=body, headers=idempotency_key()
            )
        )

    def get(self, collection: str) -> types.Collection:
        """Show a collection of the account, or one that is shared with it."""
        return self._connection.send(
            Operation(
                "GET",
                "/v1/collections/{collection}",
                types.Collection,
                {"collection": collection},
            )
        )

    def update(
        self, collection: str, **changes: Unpack[types.CollectionChanges]
    ) -> types.Collection:
        """Change `name`, `note`, `cover` or `parent`. What is not given stays."""
        return self._connection.send(
            Operation(
                "PATCH",
                "/v1/collections/{collection}",
                types.Collection,
                {"collection": collection},
                body=dict(changes),
            )
        )

    def delete(self, collection: str) -> None:
        """Delete a collection. Its items stay; nested collections move up to its parent."""
        self._connection.send(
            Operation(
                "DELETE", "/v1/collections/{collection}", NoneType, {"collection": collection}
            )
        )

    def items(
        self, collection: str, *, page_size: int | None = None
    ) -> Iterator[types.CollectionItem]:
        """Yield the items of a collection in its order; `page_size` are fetched at a time."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/collections/{collection}/items",
                types.Page[types.CollectionItem],
                {"collection": collection},
                query={"limit": page_size},
            )
        )

    def add(
        self,
        collection: str,
        items: Iterable[str],
        *,
        before: str | None = None,
        after: str | None = None,
    ) -> types.Collection:
        """Add up to 500 items, next to an item of the collection or at the end."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/collections/{collection}/items",
                types.Collection,
                {"collection": collection},
                body={"items": [*items], "before": before, "after": after},
                headers=idempotency_key(),
            )
        )

    def move(
        self,
        collection: str,
        items: Iterable[str],
        *,
        before: str | None = None,
        after: str | None = None,
    ) -> types.Collection:
        """Move up to 500 items next to another item of the collection, or to the end."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/collections/{collection}/items/move",
                types.Collection,
                {"collection": collection},
                body={"items": [*items], "before": before, "after": after},
                headers=idempotency_key(),
            )
        )

    def remove(self, collection: str, items: Iterable[str]) -> types.Collection:
        """Remove up to 500 items from the collection; the items themselves stay."""
        return self._connection.send(
            Operation(
                "POST",
                "/v1/collections/{collection}/items/remove",
                types.Collection,
                {"collection": collection},
                body={"items": [*items]},
                headers=idempotency_key(),
            )
        )

    def clearance(
        self, collection: str, *, page_size: int | None = None
    ) -> Iterator[types.Clearance]:
        """Yield the clearance sheet: licence and source of each item, in the order of the items."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/collections/{collection}/clearance",
                types.Page[types.Clearance],
                {"collection": collection},
                query={"limit": page_size},
            )
        )

    def artifacts(
        self, collection: str, item: str, *, page_size: int | None = None
    ) -> Iterator[types.Artifact]:
        """Yield the files of an item of a collection, newest first."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/collections/{collection}/items/{item}/artifacts",
                types.Page[types.Artifact],
                {"collection": collection, "item": item},
                query={"limit": page_size},
            )
        )

    def download(self, collection: str, item: str, artifact: str) -> types.Download:
        """Return a signed URL of a file of an item of a collection."""
        download = self._connection.send(
            Operation(
                "GET",
                "/v1/collections/{collection}/items/{item}/artifacts/{artifact}/download",
                types.Download,
                {"collection": collection, "item": item, "artifact": artifact},
            )
        )
        url = http.absolute(self._connection.credentials, download.url)
        return download.model_copy(update={"url": url})

    def shares(self, collection: str) -> Iterator[types.CollectionShare]:
        """Yield the accounts that a collection is shared with."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/collections/{collection}/shares",
                types.Page[types.CollectionShare],
                {"collection": collection},
            )
        )

    def share(
        self, collection: str, account: str, role: types.ShareRole = "viewer"
    ) -> types.CollectionShare:
        """Share a collection with an account, by the account's id, or change its role."""
        return self._connection.send(
            Operation(
                "PUT",
                "/v1/collections/{collection}/shares/{account}",
                types.CollectionShare,
                {"collection": collection, "account": account},
                body={"role": role},
            )
        )

    def unshare(self, collection: str, account: str) -> None:
        """End the share of an account, or with the own account's id the own share."""
        self._connection.send(
            Operation(
                "DELETE",
                "/v1/collections/{collection}/shares/{account}",
                NoneType,
                {"collection": collection, "account": account},
            )
        )

    def links(self, collection: str) -> Iterator[types.CollectionLink]:
        """Yield the links of a collection, without their secrets."""
        return self._connection.pages(
            Operation(
                "GET",
                "/v1/collections/{collection}/links",
                types.Page[types.CollectionLink],
                {"collection": collection},
            )
        )

    def create_link(
        self, collection: str, *, days: int = 30, access: types.LinkAccess = "account"
    ) -> types.CollectionLink:
        """Create a link, whose `secret` only this returns.

        Parameters
        ----------
        access
            `account` makes accounts viewers (`open_link`). With `listen` or `download` anybody who
            has the secret reads the collection without an account (`client.shared_links`).
        """
        return self._connection.send(
            Operation(
                "POST",
                "/v1/collections/{collection}/links",
                types.CollectionLink,
                {"collection": collection},
                body={"days": days, "access": access},
            )
        )

    def delete_link(self, collection: str, link: str) -> None:
        """Revoke a link, and the access of everybody who opened it."""
        self._connection.send(
            Operation(
                "DELETE",
                "/v1/collections/{collection}/links/{link}",
                NoneType,
                {"collection": collection, "link": link},
            )
        )

    def open_link(self, secret: str) -> types.Collection:
        """Open a link: the account becomes a viewer of its collection."""
        return self._connection.send(
            Operation("POST", "/v1/shared", types.Collection, body={"secret": secret})
        )

    def shared(self, *, page_size: int | None = None) -> Iterator[types.Collection]:
        """Yield the collections that others share with the account, last shared first."""
        return self._connection.pages(
            Operation("GET", "/v1/shared", types.Page[types.Collection], query={"limit": page_size})
        )
