"""Every refusal of a malformed request is told in words, with the path of the field."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import contracts
from contracts.base import StrictModel
from contracts.pipelines import RunCreate
from contracts.problems import FieldProblem
from kit.http.errors import field_problems

WRONG: tuple[Any, ...] = (
    None, True, -1, 10**30, 0.5, "", "A B\n", "x" * 5000, [], [3], {}, {"a b": 1}, {"name": "x"},
)  # fmt: skip
LEAKED = re.compile(r"\^|\\|constrained|function-|pydantic|valid tuple|frozenset|\(spec\)|\[key\]")
ITEM = "0197f3a2-5b1c-7d2e-8f30-1a2b3c4d5e6f"


def request_models() -> Iterator[type[BaseModel]]:
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"contracts.{module.name}")
    waiting = list(StrictModel.__subclasses__())
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith("contracts."):
            yield model


def problems(model: type[BaseModel], value: Any) -> tuple[FieldProblem, ...]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return field_problems(error)
    return ()


@pytest.mark.parametrize("model", sorted(request_models(), key=lambda model: model.__name__))
def test_nothing_of_a_validator_shows(model: type[BaseModel]) -> None:
    values: list[Any] = [*WRONG, {"nobody knows": 1}]
    values += [{name: wrong} for name in model.model_fields for wrong in WRONG]
    for value in values:
        for problem in problems(model, value):
            assert not LEAKED.search(problem.field + problem.message), (value, problem)


def steps(*step_list: Any, **more: Any) -> dict[str, Any]:
    return {"item": ITEM, "pipeline": {"name": "mine", "steps": list(step_list)}, **more}


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"item": "nosuch", "pipeline": "full"}, "item", "an id looks like"),
        (
            {"item": ITEM, "pipeline": "My Own"},
            "pipeline",
            "lower-case letters, digits and hyphens",
        ),
        ({"item": ITEM, "pipeline": 3}, "pipeline", "not an object"),
        (steps(), "pipeline.steps", "give 1 or more"),
        (steps({"name": "a", "task": "bogus"}), "pipeline.steps.0.task", "'separation'"),
        (steps({"name": "a"}), "pipeline.steps.0.task", "required"),
        (steps({"name": "a", "task": "midi", "x": 1}), "pipeline.steps.0.x", "unknown field"),
        (steps({"name": "a", "task": "midi", "after": ["b"]}), "pipeline", "not an earlier step"),
        (steps({"name": "a", "task": "midi"}, params={"A": {}}), "params.A", "lower-case letters"),
    ],
)
def test_a_pipelines_error_is_reported_once_with_its_location(
    body: dict[str, Any], field: str, words: str
) -> None:
    (problem,) = problems(RunCreate, body)
    assert problem.field == field
    assert words in problem.message
