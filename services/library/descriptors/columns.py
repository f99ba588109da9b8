"""The columns of a table of descriptors."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ColumnType(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    NUMBER = "number"
    """Single precision; NaN or null where a value is not known."""
    WHOLE = "whole"
    """An integer from 0 to 255."""
    FLAG = "flag"
    TIME = "time"
    """Microseconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, type, unit and meaning."""

    name: str
    type: ColumnType
    unit: str
    meaning: str


COLUMNS: Final = (
    Column("item", ColumnType.TEXT, "", "id of the item"),
    Column("name", ColumnType.TEXT, "", "its name"),
    Column("kind", ColumnType.TEXT, "", "song or sample"),
    Column("parent", ColumnType.TEXT, "", "the item that it was cut from"),
    Column("song", ColumnType.TEXT, "", "the first item of its lineage"),
    Column("stem", ColumnType.TEXT, "", "the stem that it is, or was cut from"),
    Column("class", ColumnType.TEXT, "", "what kind of sound it is"),
    Column("class_source", ColumnType.TEXT, "", "who says so: user, machine or file"),
    Column("class_confidence", ColumnType.NUMBER, "", "0 to 1, of the machine's class"),
    Column("bpm", ColumnType.NUMBER, "beats per minute", "tempo"),
    Column("bpm_source", ColumnType.TEXT, "", "who says so: user, machine or file"),
    Column("key", ColumnType.TEXT, "", "musical key"),
    Column("key_source", ColumnType.TEXT, "", "who says so: user, machine or file"),
    Column("camelot", ColumnType.TEXT, "", "Camelot code of the key"),
    Column("duration", ColumnType.NUMBER, "s", "length"),
    Column("loudness", ColumnType.NUMBER, "LUFS", "loudest 400 ms of a sample; whole song"),
    Column("brightness", ColumnType.NUMBER, "Hz", "spectral centroid"),
    Column("noisiness", ColumnType.NUMBER, "", "spectral flatness, 0 to 1"),
    Column("attack", ColumnType.NUMBER, "s", "attack time"),
    Column("pitch", ColumnType.NUMBER, "Hz", "fundamental frequency"),
    Column("favourite", ColumnType.FLAG, "", "marked as a favourite"),
    Column("rating", ColumnType.WHOLE, "stars", "1 to 5; 0 where there is none"),
    Column("licence", ColumnType.TEXT, "", "its own licence, or that of what it was cut from"),
    Column("created", ColumnType.TIME, "", "when it was added"),
)
"""Columns that hold one value for each row."""
TAGS: Final = "tags"
"""The column of the user's and the machine's tags: a list of texts for each row."""
