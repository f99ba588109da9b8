"""A descriptor table as Apache Parquet, written while it is read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from services.library.descriptors.columns import COLUMNS, TAGS, ColumnType
from services.library.descriptors.manifest import DescriptorManifest
from services.library.descriptors.rows import DescriptorRows
from services.library.descriptors.sink import Sink

METADATA_KEY = b"cratedig"
"""Of the manifest in the file's metadata."""
_ROW_GROUP = 10_000
"""Rows that are written at a time."""


async def write_parquet(
    rows: AsyncIterator[DescriptorRows], manifest: DescriptorManifest
) -> AsyncIterator[bytes]:
    """Yield the parts of a Parquet file.

    Besides `COLUMNS` it has the columns `tags` (list of text), `space` and `space_version` (text)
    and `vector` (list of single-precision numbers), the last three null for a row without a vector.
    The manifest is JSON in the file's metadata under `cratedig`.
    """
    sink = Sink()
    writer = await asyncio.to_thread(_open, sink, manifest)
    waiting: list[DescriptorRows] = []
    async for part in rows:
        waiting.append(part)
        if sum(p.count for p in waiting) >= _ROW_GROUP:
            await asyncio.to_thread(_write, writer, waiting)
            waiting = []
            yield sink.take()
    if waiting:
        await asyncio.to_thread(_write, writer, waiting)
    await asyncio.to_thread(writer.close)
    yield sink.take()


def _open(sink: Sink, manifest: DescriptorManifest) -> Any:
    # Imported here: it takes 40 MB, which a library that writes no such file does not need.
    from pyarrow import parquet

    schema = _schema().with_metadata({METADATA_KEY: manifest.to_json()})
    return parquet.ParquetWriter(sink, schema, compression="zstd")


def _write(writer: Any, parts: list[DescriptorRows]) -> None:
    import pyarrow

    schema = _schema()
    columns = {
        column.name: [value for part in parts for value in part.values[column.name]]
        for column in COLUMNS
    }
    columns[TAGS] = [tags for part in parts for tags in part.tags]
    vectors = [vector for part in parts for vector in part.vectors]
    columns["space"] = [vector and vector[0].name for vector in vectors]
    columns["space_version"] = [vector and vector[0].version for vector in vectors]
    columns["vector"] = [vector and vector[1] for vector in vectors]
    arrays = [pyarrow.array(columns[field.name], field.type) for field in schema]
    writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _schema() -> Any:
    import pyarrow

    types = {
        ColumnType.TEXT: pyarrow.string(),
        ColumnType.NUMBER: pyarrow.float32(),
        ColumnType.WHOLE: pyarrow.uint8(),
        ColumnType.FLAG: pyarrow.bool_(),
        ColumnType.TIME: pyarrow.timestamp("us", tz="UTC"),
    }
    return pyarrow.schema(
        [
            *((column.name, types[column.type]) for column in COLUMNS),
            (TAGS, pyarrow.list_(pyarrow.string())),
            ("space", pyarrow.string()),
            ("space_version", pyarrow.string()),
            ("vector", pyarrow.list_(pyarrow.float32())),
        ]
    )
