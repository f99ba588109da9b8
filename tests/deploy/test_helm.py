"""The chart follows the kustomize sources, and its schema refuses values that are wrong."""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.helm.__main__ import CHART, files
from deploy.helm.sources import apply, merge
from deploy.helm.template import SourceError, Template, substitute
from tests.architecture.sources import ROOT, known_settings, services, workers

Document = dict[str, Any]


@pytest.fixture(scope="module")
def generated() -> Mapping[Path, str]:
    return files()


@pytest.fixture(scope="module")
def schema() -> Document:
    return dict(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")))


def chosen(values: Document, over: str = "values.yaml") -> Document:
    """Return what Helm checks: the defaults with other values over them; null removes."""

    def over_each(base: Document, top: Document) -> Document:
        for key, value in top.items():
            if value is None:
                base[key] = None
            elif isinstance(value, dict) and isinstance(base.get(key), dict):
                over_each(base[key], value)
            else:
                base[key] = value
        return base

    content = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    if over != "values.yaml":
        over_each(content, yaml.safe_load((CHART / over).read_text(encoding="utf-8")))
    return over_each(content, deepcopy(values))


def test_the_chart_is_the_one_that_the_sources_give(generated: Mapping[Path, str]) -> None:
    assert {path: path.read_text(encoding="utf-8") for path in generated} == generated
    assert set((CHART / "templates").glob("*.yaml")) == {
        path for path in generated if path.parent.name == "templates"
    }


@pytest.mark.parametrize("name", ["values.yaml", "values-dev.yaml", "values-external.yaml"])
def test_the_values_that_ship_are_valid(schema: Document, name: str) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(chosen({}, name), schema)


def test_the_values_of_the_page_are_valid(schema: Document) -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    jsonschema.validate(chosen(yaml.safe_load(dedent(example))), schema)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image": {"tag": "1"}}, "'image' was unexpected"),
        ({"images": {"tag": 1.4}}, "1.4 is not of type 'string'"),
        ({"settings": {"KIT_LOG_LEVL": "DEBUG"}}, "'KIT_LOG_LEVL' was unexpected"),
        ({"settings": {"KIT_LOG_LEVEL": "LOUD"}}, "'LOUD'"),
        ({"settings": {"KIT_INTERNAL_SECRET": "secret"}}, "'KIT_INTERNAL_SECRET' was unexpected"),
        (
            {"services": {"gateway": {"settings": {"GATEWAY_IDENTITY_PROVIDERS": "[]"}}}},
            "'GATEWAY_IDENTITY_PROVIDERS' was unexpected",
        ),
        (
            {"services": {"gateway": {"settings": {"LIBRARY_OWNER_BYTES": 1}}}},
            "'LIBRARY_OWNER_BYTES' was unexpected",
        ),
        ({"services": {"midi": {"replicas": 2}}}, "2 is not of type 'null'"),
        ({"services": {"midi": {"settings": {"MIDI_SLOTS": 0}}}}, "0 is less than the minimum"),
        ({"services": {"gateway": {"replicas": "three"}}}, "'three' is not of type"),
        ({"kafka": {"mode": "outside"}}, "'outside' is not one of ['operator', 'external']"),
        ({"kafka": {"external": {"peers": []}}}, "[]"),
        ({"weights": {"storage": "10G"}}, "'10G' does not match"),
    ],
)
def test_wrong_values_are_refused(schema: Document, values: Document, message: str) -> None:
    with pytest.raises(jsonschema.ValidationError) as refused:
        jsonschema.validate(chosen(values), schema)
    assert message in refused.value.message


def test_replicas_of_workers_are_for_clusters_without_keda(schema: Document) -> None:
    values = {"autoscaling": {"enabled": False}, "services": {"midi": {"replicas": 2}}}
    jsonschema.validate(chosen(values), schema)


@pytest.mark.parametrize("folder", [*services(), *workers()], ids=lambda path: path.name)
def test_every_setting_of_a_service_that_is_no_secret_has_a_value(
    schema: Document, folder: Path
) -> None:
    service = schema["properties"]["services"]["properties"][folder.name]
    offered = set(service["properties"]["settings"]["properties"])
    assert offered <= known_settings(folder)
    assert {"KIT_LOG_LEVEL", "KIT_LEASE"} <= offered
    assert not {name for name in offered if name.endswith(("SECRET", "PASSWORD", "_URL"))} - {
        "GATEWAY_PUBLIC_URL",
        "KIT_OBJECTS_PUBLIC_URL",
    }


def test_what_other_programs_expand_is_kept() -> None:
    template = Template()
    template.add({"kind": "A", "metadata": {"name": "a"}, "text": "of {{ $labels.task }}"})
    assert 'of {{ "{{" }} $labels.task {{ "}}" }}' in template.render("note")


def test_parts_under_one_condition_share_one_if() -> None:
    template = Template()
    items: list[Any] = ["first"]
    for item in ("second", "third"):
        template.append(items, ".Values.more", item)
    template.add({"kind": "A", "metadata": {"name": "a"}, "items": items}, ".Values.a", "eq 1 1")
    text = template.render("note")
    assert text.count("{{- if .Values.more }}") == 1
    assert "{{- if and .Values.a (eq 1 1) }}" in text


def test_a_change_of_the_sources_that_the_chart_does_not_know_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"'music\.example\.org'"):
        substitute({"host": "another.example.org"}, "music.example.org", "")
    with pytest.raises(SourceError, match="remove /spec"):
        apply({"spec": 1}, [{"op": "remove", "path": "/spec"}], template=Template())


def test_named_entries_merge_as_kustomize_merges_them() -> None:
    base = {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}], "kept": [1]}
    patch = {"env": [{"name": "b", "value": "3"}, {"name": "c", "value": "4"}]}
    assert merge(base, patch) == {
        "env": [
            {"name": "b", "value": "3"},
            {"name": "c", "value": "4"},
            {"name": "a", "value": "1"},
        ],
        "kept": [1],
    }
