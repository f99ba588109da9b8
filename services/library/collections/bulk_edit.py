"""Bulk edits: many items changed in one transaction, each whole or not at all.

First the changes of every item are checked, without writing anything; an item whose changes are
refused is left out. Then all others are written, with a number of statements that does not depend
on how many they are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.collections import MAX_ITEMS_OF_A_CALL, CollectionKind
from contracts.ids import ItemId
from contracts.item_edits import BulkEdit, EditFailure, EditResult, EditResults, ItemsEdit
from contracts.items import METADATA_BYTES, METADATA_ENTRIES, metadata_size
from contracts.music import Stem
from contracts.problems import FieldProblem, ProblemCode
from contracts.tags import ItemTag
from kit.database.engine import database_of
from kit.database.hooks import report
from kit.http.errors import ProblemError, not_found
from services.library.access import Action
from services.library.catalogue.artifacts import search_text
from services.library.catalogue.changes import RATED, labels_changed
from services.library.catalogue.events import emit_items_changed
from services.library.catalogue.hiding import hide_items
from services.library.catalogue.items import set_stem
from services.library.catalogue.tables import ItemRow
from services.library.collections.members import (
    count_items,
    delete_items,
    held_items,
    hold_items,
    insert_items,
    too_many,
)
from services.library.collections.ordering import free_positions
from services.library.collections.repository import Collections, OpenCollection
from services.library.jobs.locks import hold_owner
from services.library.tags.item_tags import changed_tags, store_tags

MAX_COLLECTIONS = 20
"""Collections that one bulk edit adds items to."""


@dataclass(slots=True)
class _Target:
    """A collection to add items to: what it holds of them, and how many more it takes."""

    collection: OpenCollection
    held: set[str]
    room: int
    new: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Change:
    """The checked changes of one item."""

    item: ItemRow
    edit: ItemsEdit
    favourite: bool
    tags: list[ItemTag]
    metadata: dict[str, str]


async def edit_items(collections: Collections, request: BulkEdit, *, max_items: int) -> EditResults:
    """Change many items; return for each whether it was changed, or why not.

    Parameters
    ----------
    max_items
        Items that one collection may hold.

    Raises
    ------
    ProblemError
        The request as a whole is wrong: too many items, or one that is named twice.
    """
    edits = _by_item(request)
    targets = await _targets(collections, request, max_items, list(edits))
    rows = {row.id: row for row in await hold_items(collections, list(edits))}
    changes: list[_Change] = []
    results: list[EditResult] = []
    for id_, (place, edit) in edits.items():
        try:
            if id_ not in rows:
                raise not_found()
            change = _check(rows[id_], edit, field=f"body.edits.{place}")
            _take_room(change, targets, max_items)
        except ProblemError as error:
            failure = EditFailure(code=error.code, detail=error.detail, fields=error.fields)
            results.append(EditResult(item=ItemId(id_), failure=failure))
        else:
            changes.append(change)
            results.append(EditResult(item=ItemId(id_)))
    await _write(collections, changes, targets)
    failed = sum(result.failure is not None for result in results)
    return EditResults(results=tuple(results), failed=failed)


def _by_item(request: BulkEdit) -> dict[str, tuple[int, ItemsEdit]]:
    """Return the edit of each item and its place in the request. Raises `ProblemError`."""
    edits: dict[str, tuple[int, ItemsEdit]] = {}
    for place, edit in enumerate(request.edits):
        for index, id_ in enumerate(edit.items):
            if id_ in edits:
                raise _wrong(f"body.edits.{place}.items.{index}", "an item is named only once")
            edits[id_] = (place, edit)
    if len(edits) > MAX_ITEMS_OF_A_CALL:
        raise _wrong("body.edits", f"at most {MAX_ITEMS_OF_A_CALL} items; this has {len(edits)}")
    refs = {ref for edit in request.edits for ref in edit.collections}
    if len(refs) > MAX_COLLECTIONS:
        raise _wrong("body.edits", f"at most {MAX_COLLECTIONS} collections; this has {len(refs)}")
    return edits


async def _targets(
    collections: Collections, request: BulkEdit, max_items: int, items: list[str]
) -> Mapping[str, _Target | ProblemError]:
    """Return the collections that a request names, held, or why they take no items."""
    refs = {ref for edit in request.edits for ref in edit.collections}
    if any(edit.favourite is not None for edit in request.edits):
        refs.add(CollectionKind.FAVOURITES.value)
    named: dict[str, OpenCollection | ProblemError] = {}
    for ref in sorted(refs):
        try:
            named[ref] = await collections.get(ref, Action.ARRANGE)
        except ProblemError as error:
            named[ref] = error
    owners = {c.row.owner for c in named.values() if isinstance(c, OpenCollection)}
    for owner in sorted({collections.owner, *owners}):
        await hold_owner(collections.session, owner)
    targets: dict[str, _Target | ProblemError] = {}
    for ref, collection in named.items():
        try:
            if isinstance(collection, ProblemError):
                raise collection
            held = await collections.get(ref, Action.ARRANGE, hold=True)
            if held.kind is CollectionKind.TRAY:
                text = "The tray has numbered places; fill them with PUT /v1/tray/{place}."
                raise ProblemError(ProblemCode.CONFLICT, text)
        except ProblemError as error:
            targets[ref] = error
        else:
            room = max_items - await count_items(collections, held)
            targets[ref] = _Target(held, await held_items(collections, held, items), room)
    return targets


def _check(item: ItemRow, edit: ItemsEdit, *, field: str) -> _Change:
    """Return the changes of an item. Raises `ProblemError`."""
    metadata = dict(item.labels)
    for name, value in edit.set_metadata.items():
        if value is None:
            metadata.pop(name, None)
        else:
            metadata[name] = value
    if len(metadata) > METADATA_ENTRIES or metadata_size(metadata) > METADATA_BYTES:
        text = f"at most {METADATA_ENTRIES} entries of {METADATA_BYTES} bytes together"
        raise _wrong(f"{field}.set_metadata", text)
    tags = changed_tags(item, edit.add_tags, edit.remove_tags, field=f"{field}.add_tags")
    favourite = item.favourite if edit.favourite is None else edit.favourite
    return _Change(item, edit, favourite, tags, metadata)


def _take_room(
    change: _Change, targets: Mapping[str, _Target | ProblemError], max_items: int
) -> None:
    """Count an item where it is added. Raises `ProblemError` if a collection does not take it."""
    refs = list(change.edit.collections)
    if change.edit.favourite:
        refs.append(CollectionKind.FAVOURITES.value)
    new: dict[str, _Target] = {}
    for ref in refs:
        target = targets[ref]
        if isinstance(target, ProblemError):
            raise target
        if change.item.id not in target.held:
            if target.room < 1:
                raise too_many(max_items, target.room, 1)
            new[target.collection.row.id] = target
        if target.collection.kind is CollectionKind.FAVOURITES:
            change.favourite = True
    for target in new.values():
        target.room -= 1
        target.new.append(change.item.id)


async def _write(
    collections: Collections,
    changes: list[_Change],
    targets: Mapping[str, _Target | ProblemError],
) -> None:
    session = collections.session
    now = await database_of(session).time(session)
    changed = [change for change in changes if _differs(change)]
    stems: dict[Stem | None, list[ItemRow]] = {}
    for change in changed:
        item, edit = change.item, change.edit
        if edit.kind is not None:
            item.kind = edit.kind.value
        if "rating" in edit.model_fields_set and edit.rating != item.rating:
            item.rating = edit.rating
            report(session, RATED, item.owner)
        if "stem" in edit.model_fields_set:
            stems.setdefault(edit.stem, []).append(item)
        before, item.labels = item.labels, change.metadata
        labels_changed(session, item, before)
        item.search = search_text(item.name, item.labels)
        item.favourite = change.favourite
        item.updated = now
    for stem, items in stems.items():
        await set_stem(session, items, stem)
    await store_tags(session, [(change.item, change.tags) for change in changed])
    for target in _each(targets):
        if target.new:
            id_ = target.collection.row.id
            positions = await free_positions(session, id_, len(target.new), before=None, after=None)
            assert positions is not None, "the end of a collection always exists"
            await insert_items(collections, target.collection, target.new, positions)
        if target.collection.kind is CollectionKind.FAVOURITES:
            gone = [change.item.id for change in changes if not change.favourite]
            await delete_items(collections, target.collection, gone)
    await emit_items_changed(session, [change.item for change in changed])
    await hide_items(session, [change.item for change in changes if change.edit.hide])


def _each(targets: Mapping[str, _Target | ProblemError]) -> Iterable[_Target]:
    """Return every collection once, also if it was named by its id and as a built-in one."""
    by_id = {t.collection.row.id: t for t in targets.values() if isinstance(t, _Target)}
    return by_id.values()


def _differs(change: _Change) -> bool:
    item, edit = change.item, change.edit
    return (
        item.favourite != change.favourite
        or item.labels != change.metadata
        or item.tags != [tag.model_dump(mode="json") for tag in change.tags]
        or (edit.kind is not None and item.kind != edit.kind)
        or ("rating" in edit.model_fields_set and item.rating != edit.rating)
        or ("stem" in edit.model_fields_set and item.stem != edit.stem)
    )


def _wrong(name: str, text: str) -> ProblemError:
    return ProblemError(
        ProblemCode.INVALID_REQUEST,
        f"{text[0].upper()}{text[1:]}.",
        fields=(FieldProblem(field=name, message=text),),
    )
