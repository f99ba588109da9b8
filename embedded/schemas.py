"""Generate the schemas: events as JSON Schema and AsyncAPI, the HTTP API as OpenAPI.

`python -m embedded.schemas` writes `contracts/schemas` and `docs/settings.md`; `--check` only
checks that they are up to date.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from contracts.envelope import Event, dataschema
from contracts.topics import LIBRARY_EVENTS, TOPICS
from contracts.webhooks import CHALLENGE, WebhookChallenge
from embedded.settings import EmbeddedSettings, compose
from embedded.settings_table import settings_page
from gateway.service import SERVICE as GATEWAY
from kit.platform import open_platform
from kit.service import resolve
from services.library.service import SERVICE as LIBRARY

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "contracts" / "schemas"
WEBHOOKS = "webhooks"
"""Name of the channel of webhooks."""
SETTINGS = ROOT / "docs" / "settings.md"


class _NoAliases(yaml.SafeDumper):
    """Writes what occurs twice twice, for readers of the file."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def main() -> None:
    """Write the files, or check that they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    files = generate()
    page = settings_page()
    page_is_stale = not SETTINGS.is_file() or SETTINGS.read_text(encoding="utf-8") != page
    stale = [
        name
        for name, text in files.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    extra = [
        str(path.relative_to(FOLDER))
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file() and str(path.relative_to(FOLDER)) not in files
    ]
    if check:
        if stale or extra or page_is_stale:
            late = [*stale, *extra, *(["docs/settings.md"] if page_is_stale else [])]
            sys.exit(f"not current: {', '.join(late)}; run `make schemas`")
        print(f"contracts/schemas is current: {len(files)} files")
        return
    if page_is_stale:
        SETTINGS.write_text(page, encoding="utf-8")
    for name in stale:
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
    for name in extra:
        (FOLDER / name).unlink()
    print(f"contracts/schemas: {len(stale)} written, {len(extra)} removed, {len(files)} in all")


def generate() -> dict[str, str]:
    """Return every schema file, by its path below `contracts/schemas`."""
    files: dict[str, str] = {}
    for topic in TOPICS:
        for type_, data in topic.events.items():
            files[f"events/{topic.name}/{type_}.json"] = _json(event_schema(type_, data))
    challenge = event_schema(CHALLENGE, WebhookChallenge)
    files[f"events/{WEBHOOKS}/{CHALLENGE}.json"] = _json(challenge)
    files["asyncapi.yaml"] = yaml.dump(_asyncapi(), Dumper=_NoAliases, sort_keys=False, width=120)
    files["openapi.json"] = _json(asyncio.run(_openapi()))
    return files


def event_schema(type_: str, data: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of an event with its envelope."""
    schema = Event[data].model_json_schema(mode="serialization")  # type: ignore[valid-type]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$id"] = dataschema(type_)
    schema["title"] = type_
    schema["properties"]["type"]["const"] = type_
    return schema


async def _openapi() -> dict[str, Any]:
    """Return the OpenAPI document of an instance that is not started."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        kit, chosen = compose(EmbeddedSettings(data=Path(folder)))
        platform = open_platform(kit)
        for service in (LIBRARY, GATEWAY):
            app = await resolve(service.build)(platform, chosen[service.word])
            stack.push_async_callback(app.close)
            platform.offer(service.word, app.public)
        client = await stack.enter_async_context(platform.client("inprocess://gateway"))
        answer = await client.get("/openapi.json")
        answer.raise_for_status()
        described: dict[str, Any] = answer.json()
        return described


def _asyncapi() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        messages = {
            type_: {
                "name": type_,
                "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
                # In binary mode the record holds the data alone.
                "payload": {"$ref": f"events/{topic.name}/{type_}.json#/properties/data"},
            }
            for type_ in topic.events
        }
        channels[topic.name] = {
            "address": topic.name,
            "servers": [{"$ref": "#/servers/kafka"}],
            "messages": messages,
        }
        operations[topic.name] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "summary": f"Read mode {topic.reading}; retention {topic.retention_ms // 60_000} min.",
        }
    channels[WEBHOOKS] = _webhooks_channel()
    operations[WEBHOOKS] = {
        "action": "send",
        "channel": {"$ref": f"#/channels/{WEBHOOKS}"},
        "summary": "POST to the address of a webhook.",
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cratedig",
            "version": "1",
            "description": "Events are CloudEvents 1.0. On Kafka they use binary mode: attributes "
            "in `ce_` headers, data as JSON. Webhooks use the JSON format.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": channels,
        "operations": operations,
        "components": {"messageTraits": {"cloudEvent": {"headers": _record_headers()}}},
    }


def _webhooks_channel() -> dict[str, Any]:
    """Return the channel of webhooks, whose address each account chooses."""
    files = dict.fromkeys(LIBRARY_EVENTS.events, LIBRARY_EVENTS.name) | {CHALLENGE: WEBHOOKS}
    headers = {
        name: {"type": "string", "description": text}
        for name, text in (
            ("webhook-id", "The id of the event, the same in every attempt."),
            ("webhook-timestamp", "Seconds since 1970 at the start of the attempt."),
            ("webhook-signature", "`v1,` and HMAC-SHA-256 in base64, one for each secret."),
        )
    }
    schema = {"type": "object", "properties": headers, "required": [*headers]}
    messages = {
        type_: {
            "name": type_,
            "contentType": "application/cloudevents+json",
            "headers": schema,
            "payload": {"$ref": f"events/{folder}/{type_}.json"},
        }
        for type_, folder in files.items()
    }
    return {"address": None, "servers": [], "messages": messages}


def _record_headers() -> dict[str, Any]:
    """Return the schema of a record's headers: the attributes of its event."""
    fields = {name: field for name, field in Event.model_fields.items() if name != "data"}
    named = {
        "content-type" if name == "datacontenttype" else f"ce_{name}": field
        for name, field in fields.items()
    }
    empty = ("ce_traceparent", "ce_owner", "ce_sequence")
    return {
        "type": "object",
        "properties": {
            name: {"type": "string"}
            | ({"description": field.description} if field.description else {})
            for name, field in named.items()
        },
        "required": [name for name in named if name not in empty],
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
