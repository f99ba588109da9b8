"""Identifiers: UUIDs of version 7 as text, with one type each."""

from typing import Annotated, NewType

from contracts.base import pattern_string

_UUID = pattern_string(
    r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "this is not an id; an id looks like 0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f",
)

UserId = NewType("UserId", Annotated[str, _UUID])
"""An account."""
OwnerId = NewType("OwnerId", Annotated[str, _UUID])
"""Who owns catalogue data; today the account that uploaded it."""
ItemId = NewType("ItemId", Annotated[str, _UUID])
"""An item: a track, stem, sample or recording in the catalogue."""
SubjectId = NewType("SubjectId", Annotated[str, _UUID])
"""What a job works on: an item, or another kind that `contracts/subjects.py` lists."""
ArtifactId = NewType("ArtifactId", Annotated[str, _UUID])
"""A stored file that belongs to a subject, most often to an item."""
UploadId = NewType("UploadId", Annotated[str, _UUID])
"""An upload."""
JobId = NewType("JobId", Annotated[str, _UUID])
"""A job."""
RunId = NewType("RunId", Annotated[str, _UUID])
"""One execution of a pipeline for one item."""
PipelineId = NewType("PipelineId", Annotated[str, _UUID])
"""A stored pipeline."""
CollectionId = NewType("CollectionId", Annotated[str, _UUID])
"""A collection of items."""
ImportId = NewType("ImportId", Annotated[str, _UUID])
"""An import of a pack, or from a provider."""
LinkId = NewType("LinkId", Annotated[str, _UUID])
"""A link that shares a collection; not its secret."""
SavedSearchId = NewType("SavedSearchId", Annotated[str, _UUID])
"""A saved search."""
QuerySoundId = NewType("QuerySoundId", Annotated[str, _UUID])
"""A query sound."""
WebhookId = NewType("WebhookId", Annotated[str, _UUID])
"""A webhook."""
EventId = NewType("EventId", Annotated[str, _UUID])
"""An event; consumers drop a second one with the same id."""
WorkerId = NewType("WorkerId", Annotated[str, _UUID])
"""A worker process; it gets a new id at every start."""
