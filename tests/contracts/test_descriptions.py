"""The docstring of a contract's field is its description in the schemas."""

import json
from pathlib import Path

import contracts
from contracts.analysis import AnalysisParams
from contracts.jobs import Job

OPENAPI = Path(contracts.__file__).parent / "schemas" / "openapi.json"


def test_a_field_docstring_describes_the_field() -> None:
    described = AnalysisParams.model_json_schema()["properties"]["tempo"]
    assert described["description"] == "Tempo, beats and downbeats."


def test_field_docstrings_are_in_the_openapi_document() -> None:
    schemas = json.loads(OPENAPI.read_text(encoding="utf-8"))["components"]["schemas"]
    description = schemas["Job"]["properties"]["inputs"]["description"]
    assert description == Job.model_fields["inputs"].description
    assert description is not None
    assert "artifacts" in description
