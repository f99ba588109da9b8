"""What all tables of the library share: their metadata and base.

Ids are text, times are UTC, what has a shape of its own is JSON.
"""

from sqlalchemy import CheckConstraint, MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
METADATA = MetaData(naming_convention=_NAMES)
UNMAPPED = "unmapped"
"""Key of `METADATA.info`: names of tables that only migrations know, such as full-text indexes."""


class Table(SQLModel, registry=registry(metadata=METADATA)):
    """Base of the library's tables."""


def item_of_subject() -> CheckConstraint:
    """Return the rule that the foreign key `item` is set exactly when the subject is an item."""
    return CheckConstraint(
        "CASE WHEN subject_kind = 'item' THEN item IS NOT NULL AND item = subject_id"
        " ELSE item IS NULL END",
        name="item_of_subject",
    )
