"""Generate `docs/settings.md`, the table of all settings, from the settings classes."""

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from embedded.inventory import SERVICES
from embedded.settings import EmbeddedSettings
from kit.service import WorkerService
from kit.settings import KitSettings, ServiceSettings

_ROOT = Path(__file__).parents[1]
_HEAD = """# Settings

Every setting is read from the environment, once, at the start of a process. `make schemas` writes
this page from the code.
"""


def settings_page() -> str:
    """Return `docs/settings.md`."""
    parts = [_HEAD]
    parts += _table("All services", KitSettings)
    for service in SERVICES:
        word = service.word if not isinstance(service, WorkerService) else service.word.value
        parts += _table(word, service.settings)
    parts += _table("`make run`", EmbeddedSettings)
    return "\n".join(parts) + "\n"


def _table(title: str, kind: type[ServiceSettings]) -> list[str]:
    prefix = str(kind.model_config.get("env_prefix", ""))
    rows = [
        f"| `{prefix}{name.upper()}` | {_default(field)} | {_text(field)} |"
        for name, field in kind.model_fields.items()
    ]
    return [f"## {title}", "", "| setting | default | meaning |", "|---|---|---|", *rows, ""]


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "below the user's cache folder"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", ()):
        return "–"
    if isinstance(value, Path):
        path = value.relative_to(_ROOT) if value.is_relative_to(_ROOT) else value
        return f"`{path.as_posix()}`"
    return f"`{value}`"


def _text(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")
