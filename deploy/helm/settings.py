"""The settings of services as JSON Schema, so that Helm refuses names and values that are wrong."""

from functools import cache
from typing import Any

from deploy.helm import sources
from deploy.helm.options import Schema
from embedded.inventory import SERVICES
from kit.settings import KitSettings, ServiceSettings

RESERVED = {
    *("KIT_BUS_URL", "KIT_BUS_USER", "KIT_BUS_CA", "KIT_TRACES_URL"),
    *("GATEWAY_REPLICAS", "SEPARATION_DEVICE"),
}
"""The chart sets them or, if the servers are outside, they are in the secrets."""
SIMPLE = ("type", "pattern", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def shared_settings() -> Schema:
    """Return the schema of the settings that all services have."""
    return _object(_properties(KitSettings, _set_by_chart()))


@cache
def service_settings(word: str) -> Schema:
    """Return the schema of the settings of one service, with those that all have."""
    (kind,) = (each.settings for each in SERVICES if str(each.word) == word)
    taken = _set_by_chart() | _environment_of(word)
    return _object(_properties(kind, taken) | _properties(KitSettings, taken))


def _object(properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _set_by_chart() -> set[str]:
    config = sources.document(sources.BASE / "server" / "configmap.yaml")
    return set(config["data"]) | RESERVED


def _environment_of(word: str) -> set[str]:
    return {
        entry["name"]
        for document in sources.service(word)
        if document["kind"] == "Deployment"
        for entry in document["spec"]["template"]["spec"]["containers"][0]["env"]
    }


def _properties(kind: type[ServiceSettings], taken: set[str]) -> Schema:
    prefix = str(kind.model_config.get("env_prefix", ""))
    content = kind.model_json_schema()
    definitions = content.get("$defs", {})
    settings = {
        f"{prefix}{name}".upper(): _of_environment(field, definitions)
        for name, field in content["properties"].items()
        if not _is_secret(field, definitions)
    }
    return {name: field for name, field in settings.items() if name not in taken}


def _is_secret(field: Any, definitions: Schema) -> bool:
    if isinstance(field, dict):
        if field.get("format") == "password":
            return True
        if "$ref" in field:
            return _is_secret(definitions[field["$ref"].rsplit("/", 1)[1]], definitions)
        return any(_is_secret(each, definitions) for each in field.values())
    return isinstance(field, list) and any(_is_secret(each, definitions) for each in field)


def _of_environment(field: Schema, definitions: Schema) -> Schema:
    """Return the schema of a setting as it is written into the environment."""
    described = {"description": " ".join(str(field.get("description", "")).split())}
    field = next((each for each in field.get("anyOf", ()) if each.get("type") != "null"), field)
    if "$ref" in field:
        field = definitions[field["$ref"].rsplit("/", 1)[1]]
    if field.get("type") in {"array", "object"}:
        return {"type": "string"} | {
            "description": f"{described['description']} As JSON, such as '[\"a\"]'."
        }
    return {key: field[key] for key in SIMPLE if key in field} | described
