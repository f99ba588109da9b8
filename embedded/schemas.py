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
from contracts.topics import TOPICS
from embedded.settings import EmbeddedSettings, compose
from embedded.settings_table import settings_page
from gateway.service import SERVICE as GATEWAY
from kit.platform import open_platform
from kit.service import resolve
from services.library.service import SERVICE as LIBRARY

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "contracts" / "schemas"
SETTINGS = ROOT / "docs" / "settings.md"


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
    files["asyncapi.yaml"] = yaml.safe_dump(_asyncapi(), sort_keys=False, width=120)
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
                "contentType": "application/json",
                "payload": {"$ref": f"events/{topic.name}/{type_}.json"},
            }
            for type_ in topic.events
        }
        channels[topic.name] = {"address": topic.name, "messages": messages}
        operations[topic.name] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "summary": f"Read mode {topic.reading}; retention {topic.retention_ms // 60_000} min.",
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cratedig",
            "version": "1",
            "description": "Events are CloudEvents 1.0 in Kafka's binary mode: attributes in "
            "`ce_` headers, data as JSON.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
