"""Every setting that is a number has bounds: none of them starts a server that cannot work."""

from collections.abc import Iterator
from importlib import import_module
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from embedded.inventory import SERVICES
from embedded.settings import EmbeddedSettings
from kit.process import StartRefused
from kit.settings import KitSettings, ServiceSettings, read

for service in SERVICES:
    import_module(service.settings.__module__)


def kinds(base: type[ServiceSettings] = ServiceSettings) -> Iterator[type[ServiceSettings]]:
    """Yield every class of settings that reads the environment."""
    for kind in base.__subclasses__():
        yield from kinds(kind)
        if kind.model_config.get("env_prefix"):
            yield kind


def numbers(annotation: Any, metadata: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the constraints of each number that a type holds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        yield from numbers(inner, (*metadata, *more))
    elif origin in (Union, UnionType):
        for argument in get_args(annotation):
            yield from numbers(argument, metadata)
    elif annotation in (int, float):
        yield metadata


def flat(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for constraint in metadata:
        yield from (
            flat(tuple(constraint.metadata)) if isinstance(constraint, FieldInfo) else (constraint,)
        )


SETTINGS = [
    (kind, name)
    for kind in sorted(
        set(kinds()), key=lambda settings_class: settings_class.__name__ + settings_class.__module__
    )
    for name, field in kind.model_fields.items()
    if any(True for _ in numbers(field.annotation, tuple(field.metadata)))
]


def test_the_walk_finds_them() -> None:
    result = {kind for kind, _ in SETTINGS}
    assert {KitSettings, EmbeddedSettings, *(service.settings for service in SERVICES)} == result
    assert len(SETTINGS) > 50


@pytest.mark.parametrize(
    ("kind", "name"), SETTINGS, ids=[f"{k.model_config['env_prefix']}{n}" for k, n in SETTINGS]
)
def test_a_number_has_bounds_and_its_default_keeps_to_them(
    kind: type[ServiceSettings], name: str
) -> None:
    field = kind.model_fields[name]
    for constraints in numbers(field.annotation, tuple(field.metadata)):
        result = list(flat(constraints))
        assert any(isinstance(entry, Ge | Gt) for entry in result), f"{name} has no least value"
        assert any(isinstance(entry, Le | Lt) for entry in result), f"{name} has no greatest value"
    for value in (-1, 1 << 60, float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            kind(**{name: value})


@pytest.mark.parametrize(
    "name",
    [
        "KIT_LEASE",
        "KIT_HEARTBEAT",
        "KIT_POLL",
        "GATEWAY_HEARTBEAT",
        "GATEWAY_FORGET_EVERY",
        "GATEWAY_PORT",
        "INGEST_SLOTS",
        "LIBRARY_OWNER_RUNNING",
        "CRATEDIG_PORT",
    ],
)
def test_what_may_not_be_nothing_is_refused_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = name.split("_")[0] + "_"
    (kind,) = {
        settings_class
        for settings_class in kinds()
        if settings_class.model_config.get("env_prefix") == prefix
    }
    monkeypatch.setenv(name, "0")
    with pytest.raises(StartRefused, match=name):
        read(kind)


def test_a_lease_is_longer_than_two_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_LEASE", "15")
    with pytest.raises(StartRefused, match="KIT_HEARTBEAT"):
        read(KitSettings)


def test_a_refusal_does_not_tell_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_LEASE", "hunter2")
    with pytest.raises(StartRefused) as refusal:
        read(KitSettings)
    assert "hunter2" not in str(refusal.value)
