"""The two files that every bundle has besides its content: the manifest and the clearance sheet."""

import json
from collections.abc import Mapping, Sequence

from contracts.collections import Clearance
from contracts.export import ExportFacts, ExportItem, ExportParams, ExportProducer
from contracts.subjects import Subject
from kit.csv_sheet import csv_lines
from services.export.archive import ArchivedFile
from services.export.bundle import FileSource

MANIFEST = "manifest.json"
CLEARANCE = "clearance.csv"
_COLUMNS = tuple(Clearance.model_fields)


def clearance_sheet(facts: ExportFacts) -> str:
    """Return licence and source of each item as CSV."""
    rows = (item.clearance.model_dump(mode="json") for item in facts.items)
    return csv_lines([_COLUMNS, *([row[name] for name in _COLUMNS] for row in rows)])


def manifest_text(
    *,
    params: ExportParams,
    subject: Subject,
    facts: ExportFacts,
    files: Sequence[ArchivedFile],
    version: str,
    remarks: Sequence[str],
    left_out: Sequence[str],
) -> str:
    """Return the manifest of a bundle: every file with its digest, its origin and its rights.

    It holds no time and no id of the job, so equal inputs give equal manifests.
    """
    items: dict[str, ExportItem] = {item.id: item for item in facts.items}
    producers: dict[str, ExportProducer] = {
        artifact: job for job in facts.producers for artifact in job.artifacts
    }
    content = {
        "format": "cratedig.bundle",
        "version": 1,
        "title": facts.title,
        "subject": str(subject),
        "created_by": {"service": "export", "version": version},
        "params": params.model_dump(mode="json"),
        "remarks": list(remarks),
        "left_out": list(left_out),
        "files": [
            {
                "name": file.name,
                "media_type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
                "sources": [_source(source, items, producers) for source in file.sources],
            }
            for file in files
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _source(
    source: FileSource, items: Mapping[str, ExportItem], producers: Mapping[str, ExportProducer]
) -> dict[str, object]:
    item = items.get(source.item)
    producer = producers.get(source.artifact) if source.artifact is not None else None
    shown: dict[str, object] = {
        "item": source.item,
        "artifact": source.artifact,
        "sha256": source.sha256,
    }
    if producer is not None:
        shown["producer"] = producer.model_dump(mode="json", exclude={"artifacts"})
    if item is not None:
        shown["rights"] = item.clearance.model_dump(mode="json", exclude={"item"})
        shown["facts"] = item.model_dump(
            mode="json", include={"name", "kind", "stem", "bpm", "key", "tags", "metadata"}
        )
    return shown
