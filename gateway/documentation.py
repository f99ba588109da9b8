"""The API documentation as one HTML page without scripts or external resources.

It is what `/docs` shows until the page with search and calls has been built (`make web`).
"""

import json
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}a{color:#9cf}}
details{border-top:1px solid #8884;padding:.4rem 0}
summary{cursor:pointer}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{overflow-x:auto;background:#8882;padding:.6rem;border-radius:.3rem}
.method{display:inline-block;width:4.5rem;font-weight:bold}
.scope{opacity:.7;font-size:.85em}
"""


def render(document: dict[str, Any]) -> str:
    """Render an OpenAPI document as HTML."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_operation(path, method, operation))
    sections = "".join(
        f"<h2 id={json.dumps(escape(tag))}>{escape(tag)}</h2>{''.join(operations)}"
        for tag, operations in groups.items()
    )
    schemas = "".join(
        f"<details id='schema-{escape(name)}'><summary><code>{escape(name)}</code></summary>"
        f"{_code(schema)}</details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    title = escape(document["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}: API</title>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<style>{_STYLE}</style><h1>{title}</h1><p>{escape(document['info']['description'])}</p>"
        "<p>For programs: <a href='/openapi.json'>openapi.json</a>. With search, and with calls "
        "that are sent from here, this page comes from <code>make web</code> in the folder of "
        "Cratedig; that needs Node 20 or newer, with npm.</p>"
        f"{sections}<h2>schemas</h2>{schemas}</html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    scopes = [
        scope
        for requirement in operation.get("security", ())
        for v in requirement.values()
        for scope in v
    ]
    scope = ", ".join(scopes) if scopes else "no login"
    description = escape(operation.get("description", operation.get("summary", "")))
    parts = [f"<p>{description}</p>"]
    for parameter in operation.get("parameters", ()):
        parts.append(
            f"<p><code>{escape(parameter['name'])}</code> ({escape(parameter['in'])}) "
            f"{escape(parameter.get('description', ''))}</p>{_code(parameter.get('schema', {}))}"
        )
    for content in operation.get("requestBody", {}).get("content", {}).values():
        parts.append(f"<p>Body:</p>{_code(content.get('example', content.get('schema', {})))}")
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            shape = _code(content.get("schema", {}))
            parts.append(f"<p>{escape(status)} <code>{escape(kind)}</code></p>{shape}")
    return (
        f"<details><summary><span class=method>{method.upper()}</span> "
        f"<code>{escape(path)}</code> <span class=scope>{escape(scope)}</span></summary>"
        f"{''.join(parts)}</details>"
    )


def _code(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"
