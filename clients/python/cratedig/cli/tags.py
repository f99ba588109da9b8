"""What the house heard in songs and samples, as words for people."""

from typing import Any

from cratedig.cli.fetching import content_of
from cratedig.client import Client
from cratedig.types import Item

WORDS = 6
"""Tags of a song that are shown."""


def summary(result: dict[str, Any]) -> str:
    """Return a tagging job's result in a line: the song's surest tags, samples by class."""
    words = [f"{tag['name']} {tag['confidence']:.0%}" for tag in result.get("song", ())[:WORDS]]
    counts: dict[str, int] = result.get("classes", {})
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    samples = [f"{count} × {_plain(label)}" for label, count in ordered]
    return ", ".join([*words, *samples])


def heard_as(client: Client, sample: Item) -> str:
    """Return what a slice is, as the tags of the song it was cut from say; empty if untold."""
    lineage = sample.lineage
    if sample.kind != "sample" or lineage is None:
        return ""
    names = {one.name for one in client.artifacts(sample.id)}
    said = [
        one
        for one in client.artifacts(lineage.parent)
        if one.kind == "tags" and one.stem == lineage.stem
    ]
    for artifact in sorted(said, key=lambda one: one.created, reverse=True):
        for one in content_of(client, artifact)["samples"]:
            if one["file"] in names:
                return f"{_plain(one['label'])} ({one['confidence']:.0%} sure)"
    return ""


def _plain(label: str) -> str:
    return label.replace("_", " ")
