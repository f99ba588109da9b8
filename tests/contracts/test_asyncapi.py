"""The AsyncAPI document: all that it refers to is there. `make test-asyncapi` checks the rest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from contracts.topics import TOPICS

FOLDER = Path(__file__).parents[2] / "contracts" / "schemas"


def references(node: Any) -> Iterator[str]:
    """Yield every reference of a document."""
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_names_something() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))
    all_references = set(references(document))
    assert len(all_references) > sum(len(topic.events) for topic in TOPICS)
    for reference in all_references:
        file, _, pointer = reference.partition("#")
        node = json.loads((FOLDER / file).read_text(encoding="utf-8")) if file else document
        for part in pointer.split("/")[1:]:
            node = node[part]
        assert node, reference


def test_a_record_holds_the_data_and_its_headers_the_attributes() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))
    added = document["channels"]["library.events"]["messages"]["item.added"]
    assert added["payload"]["$ref"].endswith("item.added.json#/properties/data")
    headers = document["components"]["messageTraits"]["cloudEvent"]["headers"]
    assert (
        {"ce_id", "ce_type", "content-type"}
        <= set(headers["required"])
        <= set(headers["properties"])
    )
