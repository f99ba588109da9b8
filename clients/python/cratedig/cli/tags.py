"""Results of tagging, in words for people."""

from typing import Any

from cratedig import Client
from cratedig.cli.folders import json_content
from cratedig.types import Item

MAX_TAGS = 6
"""Tags of a song that are shown."""


def summary(result: dict[str, Any]) -> str:
    """Return the result of a tagging job in a line: tags of the song, samples by class."""
    tags = [f"{tag['name']} {tag['confidence']:.0%}" for tag in result.get("song", ())[:MAX_TAGS]]
    counts: dict[str, int] = result.get("classes", {})
    ordered = sorted(counts.items(), key=lambda count: (-count[1], count[0]))
    samples = [f"{count} × {_words(label)}" for label, count in ordered]
    return ", ".join([*tags, *samples])


def sample_class(client: Client, sample: Item) -> str:
    """Return the class of a sample, from the tags of the song it was cut from; empty if unknown."""
    lineage = sample.lineage
    if sample.kind != "sample" or lineage is None:
        return ""
    files = {artifact.name for artifact in client.artifacts.list(sample.id)}
    tags = [
        artifact
        for artifact in client.artifacts.list(lineage.parent)
        if artifact.kind == "tags" and artifact.stem == lineage.stem
    ]
    for artifact in sorted(tags, key=lambda file: file.created, reverse=True):
        for tagged in json_content(client, artifact)["samples"]:
            if tagged["file"] in files:
                return f"{_words(tagged['label'])} ({tagged['confidence']:.0%} sure)"
    return ""


def _words(label: str) -> str:
    return label.replace("_", " ")
