"""The two kinds of model every message and every body is made of."""

from pydantic import BaseModel, ConfigDict


class Said(BaseModel):
    """What we say: events, results, answers. A reader ignores fields it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True
    )


class Asked(BaseModel):
    """What we are asked: parameters and request bodies. An unknown field is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )
