"""What a file of descriptors says about itself."""

import json
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from services.library.descriptors.columns import COLUMNS, TAGS

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class DescriptorManifest:
    """Where a table of descriptors comes from.

    Attributes
    ----------
    query
        The search, in the query language.
    revision
        The owner's revision of search documents: with the same one, the same search has the same
        rows.
    count
        Items that the search found. Those removed while the file was written are no rows of it.
    created
        When.
    """

    query: str
    revision: int
    count: int
    created: datetime

    def to_json(self) -> str:
        """Return it as JSON."""
        columns = {
            column.name: {
                "type": column.type.value,
                "meaning": column.meaning,
                **({"unit": column.unit} if column.unit else {}),
            }
            for column in COLUMNS
        }
        columns[TAGS] = {"type": "list of text", "meaning": "the user's and the machine's tags"}
        return json.dumps(
            {
                "format": "cratedig-descriptors",
                "version": FORMAT_VERSION,
                "query": self.query,
                "revision": self.revision,
                "count": self.count,
                "created": self.created.isoformat(),
                "server": version("cratedig-server"),
                "columns": columns,
                "vectors": "Unit vectors. Their space names the kind of sound and the version of "
                "the weights and formula; only vectors of one space can be compared.",
            },
            ensure_ascii=False,
        )
